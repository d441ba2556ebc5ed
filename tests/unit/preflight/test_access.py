# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators with scopes before a run: what is declared, whether the server lets them in, and whether the run comes back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.access import register
from ansible_collections.latentum.ops.plugins.module_utils.access.operators import Operator
from ansible_collections.latentum.ops.plugins.module_utils.firewall.host import Connection
from ansible_collections.latentum.ops.plugins.module_utils.preflight import access
from ansible_collections.latentum.ops.plugins.module_utils.preflight.host import Host

from ..access.people import entry, public_key
from .hosts import RecordedHost

SSHD = "port 22\nlistenaddress 0.0.0.0:22\n"


@pytest.fixture(autouse=True)
def nobody_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(register, "FILE", tmp_path / "operators.json")
    return tmp_path / "operators.json"


def wanted(*operators: dict[str, Any], more: dict[str, Any] | None = None, **given: Any) -> dict[str, dict[str, Any]]:
    return {"access": {"operators": list(operators), "authorities": [], "revoked": [], "stacks": ["shop"], **given}, **(more or {})}


def told(check: Any, host: Host, given: dict[str, dict[str, Any]]) -> list[str]:
    return [str(problem) for problem in check(host, given)]


def connected(user: str, client: str = "192.0.2.7", key: str | None = None) -> RecordedHost:
    host = RecordedHost({"sshd -T": SSHD}, user=user, connection=Connection(client, 22))
    vars(host)["accepted_key"] = key
    return host


def test_a_host_without_operators_is_not_asked() -> None:
    for check in (access.declared, access.let_in, access.comes_back):
        assert told(check, connected("ops"), wanted()) == []


def test_a_stack_of_the_inventory_or_of_the_host_may_be_named() -> None:
    def of(stack: str) -> dict[str, dict[str, Any]]:
        return wanted(entry("anna", 1), entry("ben", 2, scopes=[{"level": "deploy", "stacks": [stack]}]))

    host = RecordedHost(files={"/etc/latentum-ops/stacks/blog.json": "{}"})
    assert told(access.declared, host, of("shop")) == [] == told(access.declared, host, of("blog"))
    assert "there is no such stack" in told(access.declared, host, of("other"))[0]


def test_accounts_of_role_base_come_from_the_run_or_from_the_inventory() -> None:
    same = [{"name": "anna", "ssh_keys": []}]
    for given in (wanted(entry("anna", 1), base_operators=same), wanted(entry("anna", 1), more={"base": {"operators": same}})):
        assert "anna is in base_operators too" in told(access.declared, RecordedHost(), given)[0]


def test_an_authority_is_a_key_and_a_revocation_is_one_thing() -> None:
    given = wanted(entry("anna", 1), authorities=["no key"], revoked=[{"key": public_key(3), "id": "x"}])
    assert [line.partition(":")[0] for line in told(access.declared, RecordedHost(), given)] == [
        "access_user_authorities[0]",
        "access_revoked[0]",
    ]


@pytest.mark.parametrize(
    ("allow", "groups", "said"),
    [
        ([], [], ""),
        (["ops", "anna"], [], ""),
        (["ops"], [], "ssh_hardening_allow_users: anna is not in it"),
        ([], ["sudo"], "ssh_hardening_allow_groups: anna is in none of these groups"),
    ],
)
def test_a_server_that_lets_only_others_in(allow: list[str], groups: list[str], said: str) -> None:
    more = {"ssh_hardening": {"allow_users": allow, "allow_groups": groups}}
    found = told(access.let_in, connected("ops"), wanted(entry("anna", 1), more=more))
    assert (said in found[0]) if said else found == []


def test_what_the_server_says_counts_where_nobody_writes_it_anew() -> None:
    host = RecordedHost({"sshd -T": f"{SSHD}allowusers ops\nallowusers anna\n"})
    assert told(access.let_in, host, wanted(entry("anna", 1))) == []
    assert "AllowUsers of sshd: ben is not in it" in told(access.let_in, host, wanted(entry("anna", 1), entry("ben", 2, level="read")))[0]


@pytest.mark.parametrize(
    ("rules", "opened"),
    [
        ("22/tcp                     LIMIT       Anywhere\n", True),
        ("22                         ALLOW       192.0.2.0/24\n", True),
        ("20:30/tcp                  ALLOW       Anywhere\n", True),
        ("OpenSSH                    ALLOW       Anywhere\n", True),
        ("2222/tcp                   ALLOW       Anywhere\n80,443/tcp  ALLOW  Anywhere\n", False),
        ("22/tcp                     DENY        Anywhere\n", False),
    ],
)
def test_a_port_that_the_firewall_has_not_opened(rules: str, opened: bool) -> None:
    status = f"Status: active\n\nTo                         Action      From\n--                         ------      ----\n{rules}"
    host = RecordedHost({"sshd -T": SSHD, "ufw status": status})
    found = told(access.let_in, host, wanted(entry("anna", 1)))
    assert (found == []) is opened and (opened or "sshd listens on 22, which the firewall of this host has not opened" in found[0])
    assert told(access.let_in, host, wanted(entry("anna", 1), more={"firewall": {}})) == [], "the run opens it"


def test_a_run_that_is_connected_as_an_operator_comes_back() -> None:
    key = "SHA256:" + "A" * 43
    assert "the key that this run is connected with" in told(access.comes_back, connected("anna", key=key), wanted(entry("anna", 1)))[0]
    assert told(access.comes_back, connected("anna"), wanted(entry("anna", 1))) == []
    narrow = entry("anna", 1, **{"from": ["198.51.100.0/24"]})
    assert "this run comes from 192.0.2.7" in told(access.comes_back, connected("anna"), wanted(narrow))[0]
    assert told(access.comes_back, connected("anna", "::ffff:198.51.100.9"), wanted(narrow)) == []
    assert told(access.comes_back, connected("ops"), wanted(narrow)) == [], "an account of its own is not asked"
    reader = entry("ben", 2, level="read")
    assert "Ansible would lose sudo" in told(access.comes_back, connected("ben"), wanted(entry("anna", 1), reader))[0]


def test_who_was_an_operator_and_runs_this_stays_declared(nobody_yet: Path) -> None:
    nobody_yet.write_text(register.Register((Operator("anna"), Operator("ben"))).text())
    assert (
        "ben is not in it any more, and this run is connected as ben"
        in told(access.comes_back, connected("ben"), wanted(entry("anna", 1)))[0]
    )
    assert "is empty, and anna, ben would be shut out" in told(access.comes_back, connected("ops"), wanted())[0]
    assert told(access.comes_back, connected("ops"), wanted(entry("anna", 1))) == []
    nobody_yet.write_text("{")
    assert "remove the file" in told(access.comes_back, connected("ops"), wanted(entry("anna", 1)))[0]
