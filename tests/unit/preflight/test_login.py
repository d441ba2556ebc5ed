# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nobody is shut out of their host: who could not come back is told before anything changes."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.firewall.host import Connection
from ansible_collections.latentum.ops.plugins.module_utils.preflight.disk import room
from ansible_collections.latentum.ops.plugins.module_utils.preflight.login import comes_back
from ansible_collections.latentum.ops.plugins.module_utils.preflight.operators import connection_stays, keys

from .hosts import RecordedHost, wanted

SSH = {"permit_root_login": "no", "allow_users": [], "allow_groups": []}
KEY = {"/home/debian/.ssh/authorized_keys": "ssh-ed25519 AAAA debian", "/root/.ssh/authorized_keys": "ssh-ed25519 AAAA root"}
CONNECTION = Connection("192.0.2.7", 22)


def host(user: str, files: dict[str, str] | None = None) -> RecordedHost:
    return RecordedHost(files=KEY if files is None else files, accounts={user: [user]}, user=user, connection=CONNECTION)


def refused(seen: RecordedHost, operators: list[dict[str, Any]] | None = None, **ssh: Any) -> list[str]:
    roles = {"base": {"operators": operators}} if operators is not None else {}
    return [problem.key for problem in comes_back(seen, {**roles, "ssh_hardening": {**SSH, **ssh}})]


def test_root_for_the_first_run_is_told_the_way() -> None:
    (problem,) = comes_back(host("root"), {"ssh_hardening": SSH})
    assert "-e ssh_hardening_permit_root_login=prohibit-password" in problem.fix and "base_operators" in problem.fix
    assert refused(host("root"), permit_root_login="prohibit-password") == []


def test_a_connection_that_is_not_ssh_is_not_judged() -> None:
    assert list(comes_back(RecordedHost(), {"ssh_hardening": SSH})) == []


@pytest.mark.parametrize(
    ("operators", "refusals"),
    [
        (None, ["base_operators", "ssh_hardening_allow_groups"]),
        ([], ["base_operators", "ssh_hardening_allow_groups"]),
        ([{"name": "anna", "ssh_keys": ["k"]}], ["base_operators", "ssh_hardening_allow_groups"]),
        ([{"name": "debian", "ssh_keys": ["k"]}], []),
        ([{"name": "debian", "ssh_keys": ["k"], "sudo": False}], ["ssh_hardening_allow_groups"]),
        ([{"name": "debian", "ssh_keys": ["k"], "state": "absent"}], ["base_operators", "ssh_hardening_allow_groups"]),
    ],
)
def test_what_the_same_run_gives_an_operator_counts(operators: list[dict[str, Any]] | None, refusals: list[str]) -> None:
    assert refused(host("debian", {}), operators, allow_groups=["sudo"]) == refusals


ASKED = "sshd -T -C user=debian,host=192.0.2.7,addr=192.0.2.7,laddr=127.0.0.1,lport=22"
FOREIGN = "/etc/ssh/sshd_config.d/00-somebody.conf"


def of_sshd(said: str, files: dict[str, str]) -> RecordedHost:
    """A host whose sshd would say this with its files as they are."""
    included = {"/etc/ssh/sshd_config": "Include /etc/ssh/sshd_config.d/*.conf\n", FOREIGN: "# x\nAuthorizedKeysFile /nowhere/%u\n"}
    return RecordedHost({ASKED: said}, {**included, **files}, {"debian": ["debian"]}, user="debian", connection=CONNECTION)


@pytest.mark.parametrize(
    ("said", "files", "refusals"),
    [
        ("authorizedkeysfile .ssh/authorized_keys .ssh/authorized_keys2", KEY, []),
        ("authorizedkeysfile /nowhere/%u", KEY, ["AuthorizedKeysFile"]),
        ("authorizedkeysfile none", KEY, ["AuthorizedKeysFile"]),
        ("authorizedkeysfile /nowhere/%u", {"/nowhere/debian": "ssh-ed25519 AAAA"}, []),
        ("authorizedkeysfile /nowhere/%u .ssh/authorized_keys", KEY, []),
        ("authorizedkeysfile %h/.keys/%u-%%", {"/home/debian/.keys/debian-%": "ssh-ed25519 AAAA"}, []),
        ("authorizedkeysfile /nowhere/%u\nauthorizedkeyscommand /usr/bin/sss_ssh_authorizedkeys", {}, []),
        ("authorizedkeysfile none\ntrustedusercakeys /etc/ssh/ca.pub", {}, []),
        ("authorizedkeysfile /nowhere/%u\nauthorizedkeyscommand none\ntrustedusercakeys none", KEY, ["AuthorizedKeysFile"]),
        ("", KEY, []),
    ],
)
def test_keys_are_looked_for_where_sshd_will_look(said: str, files: dict[str, str], refusals: list[str]) -> None:
    assert refused(of_sshd(said, files)) == refusals


def test_the_line_that_says_where_is_named() -> None:
    (problem,) = comes_back(of_sshd("authorizedkeysfile /nowhere/%u", KEY), {"ssh_hardening": SSH})
    assert problem.fix == f"remove that line ({FOREIGN}:2), or put the key there"


def test_operators_need_keys_and_the_account_of_the_connection_stays() -> None:
    declared = wanted("base", operators=[{"name": "anna", "state": None}, {"name": "debian", "state": "absent"}])
    assert ["anna" in problem.problem for problem in keys(host("debian"), declared)] == [True]
    assert ["debian" in problem.problem for problem in connection_stays(host("debian"), declared)] == [True]
    assert list(connection_stays(host("ben"), declared)) == []


def test_a_full_disk_is_told() -> None:
    assert list(room(RecordedHost(), wanted("base", minimum_free="1"))) == []
    (problem,) = room(RecordedHost(), wanted("base", minimum_free=10**12))
    assert "MiB are free" in problem.problem and "base_minimum_free" in problem.fix
