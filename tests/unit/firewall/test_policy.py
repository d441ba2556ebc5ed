# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""UFW's files read and written, the policy in words, and what is known about the host."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.firewall import containment
from ansible_collections.latentum.ops.plugins.module_utils.firewall import host as firewall_host
from ansible_collections.latentum.ops.plugins.module_utils.firewall import policy as firewall_policy
from ansible_collections.latentum.ops.plugins.module_utils.firewall.container_rules import ufw_rule
from ansible_collections.latentum.ops.plugins.module_utils.firewall.description import words
from ansible_collections.latentum.ops.plugins.module_utils.firewall.host import Connection, connection, listens
from ansible_collections.latentum.ops.plugins.module_utils.firewall.rules import FirewallError, parse_rules
from ansible_collections.latentum.ops.plugins.module_utils.firewall.ufw_files import (
    AFTER,
    ALL,
    DEFAULTS,
    SETTINGS,
    USER,
    Kept,
    setting,
    with_settings,
)
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.entries import find

SSH = {"action": "limit", "port": 22, "protocol": "tcp"}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("limit tcp 22 0.0.0.0/0 any 0.0.0.0/0 in comment=534548", "limit in 22/tcp from anywhere (SEH)"),
        (
            "route:allow any any 10.1.0.0/16 any ::/0 in_eth0!out_wg0",
            "allow forwarded in on eth0 out on wg0 anything from anywhere to 10.1.0.0/16",
        ),
        ("allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 OpenSSH - in", "allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 OpenSSH - in"),
    ],
)
def test_rules_in_words(line: str, said: str) -> None:
    assert words(line) == said


def test_settings_keep_their_place_and_what_says_the_same_is_not_touched() -> None:
    old = '# note\nIPV6=yes\nDEFAULT_INPUT_POLICY="ACCEPT"\nIPT_SYSCTL=/etc/ufw/sysctl.conf\n'
    new = with_settings(old, {"IPV6": "yes", "DEFAULT_INPUT_POLICY": "DROP", "IPT_SYSCTL": "", "ENABLED": "yes"})
    assert new == '# note\nIPV6=yes\nDEFAULT_INPUT_POLICY="DROP"\nIPT_SYSCTL=""\nENABLED=yes\n'
    assert with_settings(new, {"IPV6": "yes", "DEFAULT_INPUT_POLICY": "DROP", "IPT_SYSCTL": "", "ENABLED": "yes"}) == new
    assert setting(new, "IPT_SYSCTL") == "" and setting(new, "DEFAULT_INPUT_POLICY") == "DROP"


def _process(proc: Path, pid: int, parent: int, environment: bytes) -> None:
    (proc / str(pid)).mkdir(parents=True)
    (proc / str(pid) / "environ").write_bytes(environment)
    (proc / str(pid) / "stat").write_text(f"{pid} (a (strange) name) S {parent} 1 1")


def test_the_ssh_connection_is_found_among_the_parents(tmp_path: Path) -> None:
    _process(tmp_path, 30, 20, b"A=1\0")
    _process(tmp_path, 20, 10, b"B=2\0SSH_CONNECTION=198.51.100.7 50000 192.0.2.1 2222\0")
    _process(tmp_path, 10, 1, b"")
    assert connection(tmp_path, 30) == Connection("198.51.100.7", 2222)
    assert connection(tmp_path, 10) is None


def test_who_listens(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    (tmp_path / "net/tcp").write_text("head\n 0: 00000000:0016 00000000:0000 0A 0\n 1: 0100007F:0050 0100007F:C350 01 0\n")
    assert listens(22, tmp_path)
    assert not listens(80, tmp_path)


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host without a rival and without Docker, with sshd on port 22."""
    monkeypatch.setattr(firewall_policy, "rival", lambda: "")
    monkeypatch.setattr(firewall_policy, "docker_backend", lambda: "")
    monkeypatch.setattr(firewall_policy, "listens", lambda port: port == 22)


def _refused(rules: list[dict[str, Any]], at: Connection | None, **more: Any) -> list[str]:
    try:
        firewall_policy.refuse(firewall_policy.Policy(parse_rules(rules), **more), at, Kept({path: "" for path in ALL}))
    except FirewallError as error:
        return error.problems
    return []


HERE = Connection("198.51.100.7", 22)


@pytest.mark.usefixtures("quiet")
def test_a_policy_that_shuts_the_connection_in_use_out_is_refused() -> None:
    assert _refused([SSH], HERE) == []
    assert "from 198.51.100.7 to port 22" in _refused([], HERE)[0]
    assert _refused([], HERE, incoming="allow") == []
    assert _refused([], HERE, allow_without_ssh=True) == []
    assert _refused([{**SSH, "from": ["203.0.113.0/24"]}], HERE) != []
    assert "ufw deny in" in _refused([{"action": "deny", "from": ["198.51.100.0/24"]}, SSH], HERE)[0]


@pytest.mark.usefixtures("quiet")
def test_without_a_connection_the_port_of_the_server_counts() -> None:
    assert "SSH on port 2222" in _refused([SSH], None, ssh_port=2222)[0]
    assert _refused([{**SSH, "from": ["203.0.113.0/24"]}], None) == []
    # sshd has moved to 2222, and this connection is one that it still holds on its former port.
    assert _refused([{**SSH, "port": 2222}], Connection("198.51.100.7", 24), ssh_port=2222) == []


@pytest.mark.usefixtures("quiet")
def test_a_second_manager_and_the_nftables_backend_of_docker_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(firewall_policy, "rival", lambda: "firewalld")
    monkeypatch.setattr(firewall_policy, "docker_backend", lambda: "nftables")
    assert ["firewalld" in _refused([SSH], HERE)[0], "nftables backend" in _refused([SSH], HERE)[1]] == [True, True]
    assert len(_refused([SSH], HERE, docker=None)) == 1


@pytest.mark.parametrize(
    ("configured", "backend"), [('{"firewall-backend": "nftables"}', "nftables"), ("{}", ""), ("{broken", ""), (None, "")]
)
def test_dockers_backend_as_configured(configured: str | None, backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if configured is not None:
        (tmp_path / "daemon.json").write_text(configured)
    monkeypatch.setattr(firewall_host, "Path", lambda path: tmp_path / Path(path).name)
    assert firewall_host.docker_backend() == backend


def test_dockers_backend_as_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "docker.sock").touch()
    monkeypatch.setattr(firewall_host, "Path", lambda path: tmp_path / Path(path).name)
    for told, backend in ((json.dumps({"Driver": "iptables+firewalld"}), "iptables"), ("null", "")):
        monkeypatch.setattr(firewall_host, "run", lambda *_a, told=told, **_k: SimpleNamespace(rc=0, stdout=told))
        assert firewall_host.docker_backend() == backend


@pytest.fixture
def host(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, quiet: None) -> list[list[str]]:
    """A host with UFW's files in a folder, where commands are recorded and every rule is live at once."""
    ran: list[list[str]] = []
    files = {path: tmp_path / path.name for path in (*AFTER.values(), *USER.values(), SETTINGS)} | {DEFAULTS: tmp_path / "defaults"}
    files[DEFAULTS].write_text('IPV6=yes\nDEFAULT_INPUT_POLICY="ACCEPT"\n')
    files[SETTINGS].write_text("ENABLED=no\nLOGLEVEL=off\n")
    for path in (*AFTER.values(), *USER.values()):
        files[path].write_text("*filter\nCOMMIT\n")

    def rendered(rules: Any, *_rest: Any) -> dict[Path, str]:
        lines = {family: [f"### tuple ### {rule.stored(family)}" for rule in rules if family in rule.families] for family in (4, 6)}
        return {USER[family]: "\n".join(["*filter", *lines[family], "COMMIT", ""]) for family in (4, 6)}

    def recorded(argv: Any, **_rest: Any) -> SimpleNamespace:
        ran.append(list(argv))
        return SimpleNamespace(rc=0, stdout="", stderr="")

    kept = tmp_path_factory.mktemp("kept")
    monkeypatch.setattr(firewall_policy.revert_timer, "FOLDER", kept / "sets")
    monkeypatch.setattr(firewall_policy, "RECORD", kept / "firewall.json")
    monkeypatch.setattr(Kept, "read", classmethod(lambda cls: cls({path: real.read_text() for path, real in files.items()})))
    monkeypatch.setattr(firewall_policy, "render", rendered)
    monkeypatch.setattr(firewall_policy, "run", recorded)
    monkeypatch.setattr(firewall_policy, "connection", lambda: HERE)
    monkeypatch.setattr(firewall_policy, "_not_live", lambda *_a: [])
    original = firewall_policy._change
    monkeypatch.setattr(firewall_policy, "_change", lambda path, content: original(files[path], content))
    return ran


def test_check_mode_changes_nothing_and_shows_the_policy(host: list[list[str]], tmp_path: Path) -> None:
    before = {path: find(path) for path in tmp_path.iterdir()}
    outcome = firewall_policy.apply(firewall_policy.Policy(parse_rules([SSH])), check_mode=True)
    assert outcome.changed and "status: inactive" in outcome.before and "limit in 22/tcp from anywhere" in outcome.after
    assert {path: find(path) for path in tmp_path.iterdir()} == before
    assert host == []


def test_the_second_run_changes_nothing(host: list[list[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(firewall_policy, "ENABLED_AT_BOOT", tmp_path)
    monkeypatch.setattr(firewall_policy, "_not_started", lambda: [])
    policy = firewall_policy.Policy(parse_rules([SSH]))
    assert firewall_policy.apply(policy).changed
    host.clear()
    second = firewall_policy.apply(policy)
    assert (second.changed, host) == (False, []) and second.before == second.after


def test_what_cannot_be_loaded_is_taken_back(host: list[list[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(firewall_policy, "ENABLED_AT_BOOT", tmp_path)
    monkeypatch.setattr(firewall_policy.revert_timer, "disarm", lambda name: None)
    before = {path: find(path) for path in tmp_path.iterdir()}

    def fail(*_rest: Any) -> None:
        raise FirewallError(["no"])

    monkeypatch.setattr(firewall_policy, "_load", fail)
    with monkeypatch.context() as booted:
        booted.setattr(firewall_policy, "Path", lambda path: tmp_path if path == "/run/systemd/system" else Path(path))
        with pytest.raises(FirewallError, match="the former one is back: no"):
            firewall_policy.apply(firewall_policy.Policy(parse_rules([SSH])))
    assert {path: find(path) for path in tmp_path.iterdir()} == before
    assert ["/lib/ufw/ufw-init", "start"] in host


def test_containers_are_held_back_by_what_the_policy_opens(host: list[list[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    brought: list[Any] = []
    monkeypatch.setattr(firewall_policy, "ENABLED_AT_BOOT", tmp_path)
    monkeypatch.setattr(containment, "bridges", lambda: ())
    monkeypatch.setattr(containment, "accesses", dict)
    monkeypatch.setattr(containment, "listed", lambda _rules: "")
    monkeypatch.setattr(containment, "through_container", lambda _client, _port: "")
    monkeypatch.setattr(containment, "bring", lambda hold, check_mode: brought.append(hold))
    web, inside = {"port": 443, "protocol": "tcp"}, {"port": 5432, "protocol": "tcp", "from": ["10.201.0.0/16"]}
    metrics = {"port": 9100, "protocol": "tcp"}
    rules = parse_rules([SSH, web, inside, metrics])
    firewall_policy.apply(firewall_policy.Policy(rules, stacks={"shop": parse_rules([web])}, containers=True, logging="off"))
    assert brought[0].wanted.admitted == ("tcp dport { 443 }", "ip saddr 10.201.0.0/16 tcp dport { 5432 }") and not brought[0].wanted.log
    for family, name in ((4, "after.rules"), (6, "after6.rules")):
        assert ufw_rule(family) in (tmp_path / name).read_text()
    firewall_policy.apply(firewall_policy.Policy(rules))
    assert brought[1] is None
    assert ufw_rule(4) not in (tmp_path / "after.rules").read_text()


def test_a_record_of_an_older_engine_holds_nobody_back(host: list[list[str]]) -> None:
    record = {"rules": [], "docker": None, "incoming": "deny", "outgoing": "allow", "routed": "deny", "logging": "low", "ipv6": True}
    firewall_policy.RECORD.write_text(json.dumps({**record, "own_sysctl": False, "ssh_port": 22, "allow_without_ssh": False}))
    recorded = firewall_policy.of_host()
    assert recorded is not None and not recorded.containers and not recorded.keep_foreign
