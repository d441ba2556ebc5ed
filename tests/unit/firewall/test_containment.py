# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containment in force: what a policy and a rollout each know, kept between them, on a host whose commands are recorded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.containers.client import DockerUnavailable
from ansible_collections.latentum.ops.plugins.module_utils.contracts.container_access import Destination, HostPort, NetworkAccess
from ansible_collections.latentum.ops.plugins.module_utils.core import paths
from ansible_collections.latentum.ops.plugins.module_utils.core.process import CommandError, Result
from ansible_collections.latentum.ops.plugins.module_utils.firewall import containment, egress
from ansible_collections.latentum.ops.plugins.module_utils.firewall.containment import Hold, accesses, bring, keep_access, kept, refresh
from ansible_collections.latentum.ops.plugins.module_utils.firewall.host import Connection
from ansible_collections.latentum.ops.plugins.module_utils.firewall.rules import FirewallError, Rule
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.entries import Entry, find

WEB = Rule("allow", "443", "tcp")


class RecordedHost:
    """Docker's networks, nft, and what was done."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.networks: list[dict[str, Any]] | None = []
        self.ran: list[list[str]] = []
        self.live = ""
        self.refusing = self.ended_with_its_files = False
        state = folder / "state"
        for name, path in {
            "FOLDER": state,
            "STATE": state / "containers.json",
            "RULES": state / "containers.nft",
            "ACCESS": state / "containers",
            "ADDRESSES": state / "egress.json",
            "EGRESS_UNIT": folder / "egress.service",
            "EGRESS_TIMER": folder / "egress.timer",
            "EGRESS_WANTED": folder / "egress.wanted",
            "UNIT": folder / "unit",
            "WANTED": folder / "wanted",
        }.items():
            monkeypatch.setattr(containment, name, path)
        for name in ("SHARES", "STACKS", "UPSTREAMS"):
            (folder / name).mkdir()
            monkeypatch.setattr(paths, name, folder / name)
        (folder / "STACKS/shop.json").write_text("{}")
        monkeypatch.setattr(containment, "run", self.run)
        monkeypatch.setattr(containment, "Engine", self.engine)
        monkeypatch.setattr(containment, "compare", self.compare)
        monkeypatch.setattr(containment, "write", self.write)
        self.rules = state / "containers.nft"

    def compare(self, entry: Entry) -> Any:
        """Whoever runs the tests owns the files."""
        there = find(entry.path)
        same = there.kind == entry.state and (there.content, there.target) == (entry.content, entry.target)
        return None if same else SimpleNamespace(entry=entry)

    def write(self, entry: Entry) -> None:
        if entry.state == "directory":
            entry.path.mkdir(parents=True, exist_ok=True)
        elif entry.state == "link":
            entry.path.symlink_to(entry.target)
        elif entry.state == "absent":
            entry.path.unlink(missing_ok=True)
        else:
            entry.path.write_bytes(entry.content)

    def engine(self) -> Any:
        if self.networks is None:
            raise DockerUnavailable("no answer")
        return SimpleNamespace(compose_networks=lambda: self.networks)

    def run(self, argv: list[str], *, check: bool = True, input: str = "") -> Result:
        self.ran.append(argv)
        if argv[:2] == ["systemctl", "stop"] and argv[-1] == containment.EGRESS_TIMER.name:
            self.ended_with_its_files = containment.EGRESS_TIMER.exists() and containment.EGRESS_UNIT.exists()
        if argv[0] == "unshare":
            if self.refusing:
                raise CommandError(Result(argv, 1, "", "syntax error"), "syntax error")
            return Result(argv, 0, input.replace('"br-5afafaaef848"', '"br-5afafaaef848" '), "")
        if argv[:2] == ["systemctl", "reload-or-restart"]:
            self.live = self.rules.read_text()
        if argv[:2] == ["nft", "delete"]:
            self.live = ""
        return Result(argv, 0 if self.live else 1, self.live, "")


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RecordedHost:
    monkeypatch.setattr(containment, "write_state", lambda path, data, _mode: path.write_text(containment.json.dumps(data)))
    monkeypatch.setattr(containment, "booted", lambda: True)
    return RecordedHost(tmp_path, monkeypatch)


def network(name: str = "backend", stack: str = "shop", identity: str = "5afafaaef848", subnet: str = "10.201.0.0/24") -> dict[str, Any]:
    labels = {"com.docker.compose.project": stack, "com.docker.compose.network": name}
    return {"Id": identity * 5, "Driver": "bridge", "Labels": labels, "Options": {}, "IPAM": {"Config": [{"Subnet": subnet}]}}


def hold() -> Hold:
    return Hold.of([WEB], {WEB}, log=True)


def test_a_policy_brings_it_into_force_and_a_second_run_changes_nothing(host: RecordedHost) -> None:
    host.networks = [network(), network(stack="theirs", identity="aaaaaaaaaaaa")]
    difference = bring(hold(), check_mode=False)
    assert difference and "everything" in difference.before and "tcp dport { 443 }" in difference.after
    assert "br-5afafaaef848" in host.live and "br-aaaaaaaaaaaa" not in host.live
    assert bring(hold(), check_mode=False) is None


def test_a_check_changes_nothing(host: RecordedHost) -> None:
    assert bring(hold(), check_mode=True)
    assert not host.live and kept() is None and not [argv for argv in host.ran if argv[0] == "systemctl"]


def test_rules_that_somebody_flushed_come_back(host: RecordedHost) -> None:
    bring(hold(), check_mode=False)
    host.live = "table inet latentum_ops_containers {\n}\n"
    difference = bring(hold(), check_mode=False)
    assert difference and "not in force" in difference.before and "to_host" in host.live


def test_the_order_in_which_nft_lists_a_set_is_no_difference(host: RecordedHost) -> None:
    host.networks = [network(), network("edge", identity="bbbbbbbbbbbb")]
    bring(hold(), check_mode=False)
    assert '"br-5afafaaef848", "br-bbbbbbbbbbbb"' in host.live
    host.live = host.live.replace('"br-5afafaaef848", "br-bbbbbbbbbbbb"', '"br-bbbbbbbbbbbb",\n\t"br-5afafaaef848"')
    assert bring(hold(), check_mode=False) is None


def test_off_takes_all_of_it_away(host: RecordedHost) -> None:
    bring(hold(), check_mode=False)
    assert bring(None, check_mode=False) and not host.live and kept() is None
    assert bring(None, check_mode=False) is None


def test_a_rollout_makes_its_networks_known(host: RecordedHost) -> None:
    bring(hold(), check_mode=False)
    host.networks = [network()]
    keep_access("shop", [NetworkAccess("backend", (HostPort(9100),))])
    refresh("shop")
    assert 'iifname "br-5afafaaef848" tcp dport 9100' in host.live and "tcp dport { 443 } accept" in host.live
    ran = len(host.ran)
    refresh("shop")
    assert len(host.ran) == ran, "nothing has changed"
    keep_access("shop", [])
    refresh("shop")
    assert "9100" not in host.live and accesses() == {}


def test_a_stack_that_the_host_does_not_know_yet_is_held_back_too(host: RecordedHost) -> None:
    bring(hold(), check_mode=False)
    host.networks = [network(stack="fresh")]
    refresh("fresh")
    assert "br-5afafaaef848" in host.live


def test_a_rollout_does_nothing_where_nobody_is_held_back(host: RecordedHost) -> None:
    host.networks = [network()]
    refresh("shop")
    assert host.ran == [] and kept() is None


def test_without_docker_its_networks_are_as_they_were(host: RecordedHost) -> None:
    host.networks = [network()]
    bring(hold(), check_mode=False)
    host.networks = None
    assert bring(hold(), check_mode=False) is None and "br-5afafaaef848" in host.live


def test_rules_that_the_kernel_does_not_take_are_refused_before_any_change(host: RecordedHost) -> None:
    host.refusing = True
    with pytest.raises(FirewallError, match="containers: false"):
        hold().refuse(None)
    assert kept() is None


@pytest.mark.parametrize(
    ("client", "access", "refused"),
    [
        ("10.201.0.7", (), True),
        ("10.201.0.7", (HostPort(22),), False),
        ("10.201.0.7", (HostPort(22, "udp"),), True),
        ("10.201.1.7", (), False),
        ("fe80::1%eth0", (), False),
    ],
)
def test_an_operator_who_comes_through_a_container_is_not_shut_out(
    client: str, access: tuple[HostPort, ...], refused: bool, host: RecordedHost
) -> None:
    bring(hold(), check_mode=False)
    host.networks = [network()]
    keep_access("shop", [NetworkAccess("backend", access)] if access else [])
    try:
        hold().refuse(Connection(client, 22))
    except FirewallError as error:
        assert refused and "networks: {backend: {host: [{port: 22}]}}" in error.problems[0]
    else:
        assert not refused


def test_a_damaged_file_is_named(host: RecordedHost) -> None:
    bring(hold(), check_mode=False)
    containment.ACCESS.mkdir()
    (containment.ACCESS / "shop.json").write_text("[{")
    with pytest.raises(ValueError, match=r"shop\.json is damaged"):
        refresh("shop")


def test_what_was_kept_is_read_again(host: RecordedHost) -> None:
    host.networks = [network()]
    bring(hold(), check_mode=False)
    there = kept()
    assert there == hold().wanted and replace(there, log=False) != there


API = NetworkAccess("backend", (HostPort(9100),), egress=(Destination("api.example.com", 443),))


def limited(host: RecordedHost, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stack whose network reaches one name."""
    monkeypatch.setattr(egress, "of_dns", lambda _name: {"192.0.2.1"})
    host.networks = [network()]
    bring(hold(), check_mode=False)
    assert not containment.EGRESS_TIMER.exists() and ["systemctl", "start", "egress.timer"] not in host.ran
    keep_access("shop", [API])
    assert refresh("shop") == []


def test_a_name_has_its_addresses_in_the_rules_and_a_timer_that_asks_again(host: RecordedHost, monkeypatch: pytest.MonkeyPatch) -> None:
    limited(host, monkeypatch)
    assert "ip daddr { 192.0.2.1 } tcp dport 443 accept" in host.live
    assert ["systemctl", "start", "egress.timer"] in host.ran and containment.EGRESS_WANTED.is_symlink()
    monkeypatch.setattr(egress, "of_dns", lambda _name: {"192.0.2.9"})
    refresh()
    assert "192.0.2.1, 192.0.2.9" in host.live
    before = len(host.ran)
    refresh()
    assert len(host.ran) == before, "nothing new, nothing to load"


def test_the_timer_ends_while_it_has_its_files(host: RecordedHost, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its service it would stand there as failed."""
    limited(host, monkeypatch)
    keep_access("shop", [NetworkAccess("backend")])
    refresh("shop")
    assert host.ended_with_its_files and not containment.EGRESS_TIMER.exists() and not containment.EGRESS_UNIT.exists()
    assert "192.0.2.1" not in host.live


def test_who_goes_on_without_the_engine_reaches_everything_and_the_host_as_before(
    host: RecordedHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited(host, monkeypatch)
    assert containment.lift_egress("shop") == ["backend"] and containment.lift_egress("shop") == []
    assert "192.0.2.1" not in host.live and "tcp dport 9100" in host.live and not containment.EGRESS_TIMER.exists()
