# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Role host_certificates, run by Ansible for several hosts of one inventory that are folders of this machine."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.latentum.ops.plugins.module_utils.schema.server_certificate import read_certificates
from ansible_collections.latentum.ops.plugins.module_utils.tls.member import names_of
from ansible_runs import AnsibleRuns

HOSTS = {"web1": "10.0.0.11", "eye-1": "10.0.0.5", "web2": "10.0.0.12"}
SETTINGS = {"ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json", "ANSIBLE_LOCALHOST_WARNING": "false"}


class Site:
    """An inventory, and a play of the role that leaves packages, groups and units of this machine alone."""

    def __init__(self, folder: Path, ansible: AnsibleRuns) -> None:
        self.folder, self.ansible = folder, ansible
        folder.mkdir(exist_ok=True)
        self.hosts: dict[str, dict[str, Any]] = {
            name: {"ansible_host": address, "ansible_connection": "local", "ops_monitoring_host": "eye-1"}
            for name, address in HOSTS.items()
        }
        play = [
            {
                "name": "Certificates",
                "hosts": "all",
                "gather_facts": False,
                "roles": [{"role": "latentum.ops.host_certificates", "tags": []}],
            }
        ]
        (folder / "play.yml").write_text(yaml.safe_dump(play))

    def run(self, *arguments: str, good: bool = True, **given: Any) -> tuple[dict[str, Any], str]:
        """The statistics by host, and everything that was printed."""
        variables = {
            "host_certificates_enabled": True,
            "host_certificates_authority_folder": f"{self.folder}/authority",
            "__host_certificates_folder": f"{self.folder}/{{{{ inventory_hostname }}}}",
            "__host_certificates_group": "root",
            "__host_certificates_activate": [],
            "__host_certificates_numbers": f"{self.folder}/numbers-{{{{ inventory_hostname }}}}/certificates.prom",
            "ansible_python_interpreter": "{{ ansible_playbook_python }}",
            "ops_preflight": {"sets": {}},
        }
        inventory = {"all": {"hosts": self.hosts, "vars": {**variables, **given}}}
        # Variables of the role win over those of the inventory.
        extra = {name: value for name, value in {**variables, **given}.items() if name.startswith("__")}
        (self.folder / "hosts.yml").write_text(yaml.safe_dump(inventory))
        done = self.ansible(
            "ansible-playbook", "-i", "hosts.yml", "play.yml", "--tags", "host_certificates_configure", "-e", json.dumps(extra), *arguments,
            folder=self.folder, environment=SETTINGS,
        )  # fmt: skip
        shown = done.stdout + done.stderr
        assert (done.returncode == 0) is good, shown
        return json.loads(done.stdout[done.stdout.index("{") :])["stats"], shown

    def changed(self, *arguments: str, **given: Any) -> set[str]:
        return {host for host, numbers in self.run(*arguments, **given)[0].items() if numbers["changed"]}

    def names(self, host: str) -> set[str]:
        return names_of(read_certificates((self.folder / host / "certificate.pem").read_bytes())[0])

    def trusted(self, host: str) -> int:
        return len(read_certificates((self.folder / host / "authority.pem").read_bytes()))

    def generation(self) -> list[tuple[int, str]]:
        state: Mapping[str, Any] = json.loads((self.folder / "authority/authority.json").read_text())
        return [(generation["number"], generation["phase"]) for generation in state["generations"]]


@pytest.fixture
def site(ansible: AnsibleRuns, tmp_path: Path) -> Site:
    return Site(tmp_path / "site", ansible)


@pytest.fixture(scope="module")
def first(ansible: AnsibleRuns, tmp_path_factory: pytest.TempPathFactory) -> tuple[Site, str]:
    """A site after its first run, which nobody changes, and what that run printed."""
    site = Site(tmp_path_factory.mktemp("first") / "site", ansible)
    return site, site.run("--diff")[1]


@pytest.fixture
def after_first(first: tuple[Site, str], site: Site) -> Site:
    """A site of the test's own after its first run: nothing that it wrote names its folder."""
    shutil.copytree(first[0].folder, site.folder, symlinks=True, dirs_exist_ok=True)
    return site


def test_a_first_run_in_check_mode_writes_nothing(site: Site) -> None:
    assert site.changed("--check") == set(HOSTS) and not (site.folder / "authority").exists() and not (site.folder / "web1").exists()


def test_all_hosts_get_certificates_and_a_second_run_changes_nothing(first: tuple[Site, str], after_first: Site) -> None:
    site, shown = after_first, first[1]
    assert "PRIVATE" not in shown and "BEGIN CERTIFICATE-" in shown
    assert site.names("web1") == {"web1", "10.0.0.11"} and site.names("eye-1") == {"eye-1", "10.0.0.5"}
    assert 'ends_timestamp_seconds{of="host"} 18' in (site.folder / "numbers-web2/certificates.prom").read_text()
    assert site.changed() == set() and site.changed("--check") == set()


def test_a_new_host_alone_gets_one_from_the_authority_that_the_run_does_not_reach(after_first: Site) -> None:
    site = after_first
    site.hosts["web3"] = {"ansible_host": "10.0.0.13", "ansible_connection": "local", "ops_monitoring_host": "eye-1"}
    before = (site.folder / "web1/certificate.pem").read_bytes()
    assert site.changed("--limit", "web3") >= {"web3"}
    assert site.names("web3") == {"web3", "10.0.0.13"} and (site.folder / "web1/certificate.pem").read_bytes() == before


@pytest.mark.matrix
def test_a_host_that_moved_gets_its_new_address(after_first: Site) -> None:
    site = after_first
    site.hosts["web2"]["ops_address"] = "10.9.0.12"
    assert "web2" in site.changed() and site.names("web2") == {"web2", "10.9.0.12", "10.0.0.12"}


def test_another_generation_comes_in_three_runs(after_first: Site) -> None:
    site = after_first
    site.run(host_certificates_generation=2)
    assert site.generation() == [(1, "signs"), (2, "comes")] and site.trusted("web1") == 2
    site.run(host_certificates_generation=2)
    assert site.generation() == [(1, "goes"), (2, "signs")]
    site.run(host_certificates_generation=2)
    assert site.generation() == [(2, "signs")] and {site.trusted(host) for host in HOSTS} == {1}
    assert site.changed(host_certificates_generation=2) == set()


@pytest.mark.matrix
def test_a_replacement_says_whom_it_waits_for(after_first: Site) -> None:
    site = after_first
    for _number in range(2):
        _stats, shown = site.run("--limit", "web1", host_certificates_generation=2)
    assert "waits for a run on eye-1, web2" in shown


@pytest.mark.matrix
def test_the_controller_can_keep_the_authority(site: Site) -> None:
    site.run(host_certificates_authority_host="controller")
    assert site.names("web1") == {"web1", "10.0.0.11"}
    assert site.changed(host_certificates_authority_host="controller") == set()


def test_an_authority_whose_folder_is_gone_stops_the_run_before_a_host_is_touched(after_first: Site) -> None:
    site = after_first
    shutil.rmtree(site.folder / "authority")
    before = (site.folder / "web1/certificate.pem").read_bytes()
    _stats, shown = site.run(good=False)
    assert "name the host that has it" in shown and (site.folder / "web1/certificate.pem").read_bytes() == before


def test_what_cannot_be_is_refused(site: Site) -> None:
    site.hosts["web2"]["ansible_host"] = "10.0.0.11"
    _stats, shown = site.run(good=False)
    assert "web2: 10.0.0.11 is an address or name of web1 as well" in shown
    site.hosts["web2"]["ansible_host"] = "10.0.0.12"
    _stats, shown = site.run(good=False, host_certificates_days=2000)
    assert "host_certificates.days: 2000 is outside its limits: write a number from 3 to 825" in shown


@pytest.mark.matrix
def test_turned_off_the_key_goes_and_the_authority_stays(after_first: Site) -> None:
    site = after_first
    site.run(host_certificates_enabled=False)
    assert not list((site.folder / "web1").iterdir()) and (site.folder / "authority/1.key").exists()
    assert site.changed(host_certificates_enabled=False) == set()
