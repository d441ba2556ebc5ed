# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts elsewhere as role monitoring writes them, and the programs that check it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from ansible_collections.latentum.ops.plugins.module_utils.contracts.host_certificates import AuthorityTerms
from ansible_collections.latentum.ops.plugins.module_utils.declaration.loader import load
from ansible_collections.latentum.ops.plugins.module_utils.declaration.monitoring.derive import monitoring_config
from ansible_collections.latentum.ops.plugins.module_utils.monitoring.setup import setup
from ansible_collections.latentum.ops.plugins.module_utils.tls import member
from ansible_collections.latentum.ops.plugins.module_utils.tls.authority import sign
from ansible_collections.latentum.ops.plugins.plugin_utils.monitored import ELSEWHERE
from ansible_runs import AnsibleRuns

from .conftest import ON
from .rendered import ALERTMANAGER, BLOG, FOLDER, PROMETHEUS, SECRETS, SHOP, Rendered, needs_programs, render

ANALYZE = shutil.which("systemd-analyze") or ""
TLS = "/etc/latentum-ops/host-certificate"


def elsewhere() -> list[dict[str, object]]:
    """What filter monitored_hosts gives of a stack of another host."""
    (stack,) = monitoring_config(load(BLOG))
    stack["alerts"][0]["url_file"] = f"{ELSEWHERE}/blog/chat"
    return [stack]


VARIANTS = {
    "two": {
        **ON,
        "monitoring_host_name": "eye-1",
        "ops_stack": SHOP,
        "monitoring_scraped": [{"name": "web1", "address": "10.0.0.11:9943"}, {"name": "web2", "address": "[2001:db8::12]:9943"}],
        "__monitoring_declared": {
            "elsewhere": {"jobs": {"web1": ["node", "watchdog"], "web2": ["node"]}, "stacks": elsewhere(), "problems": []}
        },
    },
    "none": {**ON, "ops_stack": SHOP},
    "apart": {
        **ON,
        "monitoring_host_name": "eye-1",
        "monitoring_scraped": [{"name": "web1", "address": "10.0.0.11:9943"}, {"name": "web2", "address": "10.0.0.12:9943"}],
        "__monitoring_declared": {
            "elsewhere": {
                "jobs": {"web1": ["node"], "web2": ["node"]},
                "stacks": [*elsewhere(), *monitoring_config(load(SHOP))],
                "places": {"blog": ["web1"], "shop": ["web2"]},
                "problems": [],
            }
        },
    },
}


@pytest.fixture(scope="module")
def made(ansible: AnsibleRuns, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Rendered]:
    return render(VARIANTS, ansible, tmp_path_factory.mktemp("scraped"))


def test_each_host_is_asked_once_by_its_name_with_the_jobs_that_it_has(made: dict[str, Rendered]) -> None:
    document = yaml.safe_load(made["two"].files[f"{FOLDER}/prometheus.yml"])
    hosts = {job["job_name"]: job for job in document["scrape_configs"] if job["job_name"].startswith("host/")}
    assert list(hosts) == ["host/web1", "host/web2"]
    assert hosts["host/web2"]["tls_config"] == {
        "ca_file": f"/run/credentials/{PROMETHEUS}/authority.pem",
        "cert_file": f"/run/credentials/{PROMETHEUS}/certificate.pem",
        "key_file": f"/run/credentials/{PROMETHEUS}/key.pem",
        "server_name": "web2",
    }
    assert hosts["host/web1"]["static_configs"] == [
        {"targets": ["10.0.0.11:9943"], "labels": {"job": job, "instance": "web1", "__metrics_path__": f"/{job}/metrics"}}
        for job in ("node", "watchdog")
    ]


def test_rules_and_receivers_of_stacks_elsewhere_are_here(made: dict[str, Rendered]) -> None:
    assert f"{FOLDER}/rules/stack-blog.yml" in made["two"].files and f"{FOLDER}/rules/stack-shop.yml" in made["two"].files
    receivers = yaml.safe_load(made["two"].files[f"{FOLDER}/alertmanager.yml"])["receivers"]
    assert "blog/chat" in {receiver["name"] for receiver in receivers}
    assert f"blog.chat:{ELSEWHERE}/blog/chat" in made["two"].unit(ALERTMANAGER)["LoadCredential"]
    assert f"{ELSEWHERE}/blog/chat" in made["two"].unit(SECRETS[0])["PathChanged"]


def told_of(made: Rendered, instance: str) -> set[str]:
    """Who is told of an alert about a host, by amtool's own rules: continue, and anchored patterns."""
    document = yaml.safe_load(made.files[f"{FOLDER}/alertmanager.yml"])
    labels = {"stack": "", "instance": instance, "severity": "critical", "alertname": "HostMemoryHigh"}
    found = set()
    for route in document["route"]["routes"]:
        fits = True
        for matcher in route["matchers"]:
            name, sign, value = re.fullmatch(r'(\w+)(=~|!~|=)"(.*)"', matcher).groups()  # type: ignore[union-attr]
            hit = re.fullmatch(value.replace("\\\\", "\\"), labels[name]) is not None if "~" in sign else labels[name] == value
            fits = fits and hit is not (sign == "!~")
        if fits:
            found.add(route["receiver"])
    return found


def test_an_alert_about_a_host_goes_to_those_who_have_a_stack_there(made: dict[str, Rendered]) -> None:
    """Not to whoever runs something else on another host; a host without any stack is everybody's."""
    assert told_of(made["apart"], "web1") == {"blog/chat"}
    assert told_of(made["apart"], "web2") == {"shop/chat", "shop/duty"}
    assert told_of(made["apart"], "eye-1") == {"blog/chat", "shop/chat", "shop/duty"}
    # Of a host alone nothing is said of hosts at all.
    assert "instance!~" not in made["none"].files[f"{FOLDER}/alertmanager.yml"]


def test_the_certificate_is_handed_over_by_systemd(made: dict[str, Rendered]) -> None:
    unit = made["two"].unit(PROMETHEUS)
    assert unit["LoadCredential"] == [f"{name}.pem:{TLS}/{name}.pem" for name in ("authority", "certificate", "key")]
    assert "IPAddressDeny" not in unit


def test_who_declares_nothing_has_what_was_there_before(made: dict[str, Rendered]) -> None:
    assert f"{FOLDER}/prometheus-check.yml" not in made["none"].files and "LoadCredential" not in made["none"].unit(PROMETHEUS)
    assert made["none"].unit(PROMETHEUS)["IPAddressDeny"] == ["any"]
    assert made["none"].variables["checks"][0][-1] == f"{FOLDER}/prometheus.yml"


@needs_programs
@pytest.mark.parametrize("there", [True, False])
def test_promtool_checks_it_with_files_that_are_there(made: dict[str, Rendered], tmp_path: Path, there: bool) -> None:
    """It looks for the files of the certificate; those of systemd are not there before Prometheus runs."""
    folder = made["two"].written(tmp_path / "configuration")
    signed = sign(tmp_path / "authority", [member.ask(tmp_path / "eye-1", "eye-1", ()).request], ["eye-1"], AuthorityTerms())
    member.install(tmp_path / "eye-1", signed.certificates["eye-1"], signed.bundle, 0)
    for file in (folder / "prometheus.yml", folder / "prometheus-check.yml"):
        file.write_text(file.read_text().replace(TLS, str(tmp_path / ("eye-1" if there else "nowhere"))))
    argv = [word.replace(FOLDER, str(folder)) for word in made["two"].variables["checks"][0]]
    assert argv[-1].endswith("prometheus-check.yml")
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=240)
    assert (done.returncode == 0) is there, done.stdout + done.stderr


@pytest.mark.skipif(not ANALYZE, reason="no systemd-analyze here")
def test_the_unit_is_sandboxed(made: dict[str, Rendered], tmp_path: Path) -> None:
    path = tmp_path / PROMETHEUS
    path.write_text(made["two"].files[f"/etc/systemd/system/{PROMETHEUS}"])
    judged = subprocess.run(
        [ANALYZE, "security", "--offline=true", "--no-pager", "--threshold=35", str(path)], capture_output=True, text=True, check=False
    )
    assert judged.returncode == 0, judged.stdout[-600:] + judged.stderr


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            {"host": "web1", "hosts": [{"name": "web1", "address": "10.0.0.11:9943"}]},
            "monitoring_host_name: is the name of a host elsewhere",
        ),
        (
            {"host": "eye-1", "hosts": [{"name": "web1", "address": "a:1"}], "scrapes": [{"job_name": "host/web1"}]},
            "monitoring_scrapes[0].job_name: is the name of another job",
        ),
        ({"host": "eye-1", "hosts": [{"name": "web1"}]}, "hosts[0].address: is missing"),
    ],
)
def test_names_that_stand_for_two_are_refused(settings: dict[str, object], words: str) -> None:
    (problem,) = setup([], settings).problems
    assert words in problem


def test_the_role_makes_it_of_the_declarations_of_hosts_that_the_run_does_not_reach(ansible: AnsibleRuns, tmp_path: Path) -> None:
    """By Ansible, with an inventory of two hosts and --limit to the one that monitors."""
    common = {
        "ops_monitoring_host": "eye-1",
        "host_certificates_enabled": True,
        "exporters_enabled": True,
        "monitoring_enabled": "{{ inventory_hostname == 'eye-1' }}",
        "ansible_connection": "local",
    }
    hosts = {"web1": {"ansible_host": "10.0.0.11", "ops_stack": SHOP}, "eye-1": {"ansible_host": "10.0.0.5"}}
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": hosts, "vars": common}}))
    role = {"name": "latentum.ops.monitoring", "tasks_from": "elsewhere", "public": True}
    shown = {
        "problems": "{{ __monitoring_setup.problems }}",
        "paths": "{{ __monitoring_files | map(attribute='path') | list }}",
        "hosts": "{{ __monitoring_hosts }}",
        "local": "{{ __monitoring_local | bool }}",
    }
    tasks = [{"name": "Look", "ansible.builtin.include_role": role}, {"name": "Say", "ansible.builtin.debug": {"msg": shown}}]
    (tmp_path / "play.yml").write_text(yaml.safe_dump([{"name": "Make", "hosts": "all", "gather_facts": False, "tasks": tasks}]))
    done = ansible(
        "ansible-playbook", "-i", "hosts.yml", "play.yml", "--limit", "eye-1",
        folder=tmp_path, environment={"ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json"},
    )  # fmt: skip
    ran = json.loads(done.stdout[done.stdout.index("{") :])["plays"][0]["tasks"]
    (said,) = [task["hosts"]["eye-1"]["msg"] for task in ran if task["task"]["name"] == "Say"]
    assert said["problems"] == [] and said["local"] is False, done.stdout
    assert f"{FOLDER}/rules/stack-shop.yml" in said["paths"] and f"{FOLDER}/rules/slo-shop.yml" in said["paths"]
    assert said["hosts"] == [{"name": "web1", "address": "10.0.0.11:9943", "jobs": ["node", "requests", "nginx", "watchdog", "containers"]}]
