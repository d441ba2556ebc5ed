# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run over the operators of a host: who leaves, who comes, in which order, and what is asked of the host afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.access import accounts, applying, in_force, register, sessions
from ansible_collections.latentum.ops.plugins.module_utils.access.accounts import Account, AccountError
from ansible_collections.latentum.ops.plugins.module_utils.access.applying import AccessRefused, Wanted
from ansible_collections.latentum.ops.plugins.module_utils.core.process import Result
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.transaction import ConfigSet, Outcome

from .people import NOW, entry, operators


@dataclass
class Host:
    """Accounts of a host, and what was done to it, in the order in which it was."""

    known: dict[str, Account] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    sets: dict[str, ConfigSet] = field(default_factory=dict)

    def account(self, name: str, **more: Any) -> None:
        plain = {"uid": 1001, "shell": "/bin/bash", "groups": frozenset(), "password": "*", "expires": None, "password_days": None}
        self.known[name] = Account(name, **{**plain, **more})

    def run(self, argv: tuple[str, ...], **_how: Any) -> Result:
        self.done.append(" ".join(argv))
        return Result(tuple(argv), 0, "", "")

    def apply(self, wanted: ConfigSet, *, check_mode: bool) -> Outcome:
        self.sets[wanted.name] = wanted
        self.done.append(f"check {wanted.name}" if check_mode else wanted.name)
        return Outcome()

    def end(self, name: str) -> int:
        self.done.append(f"end {name}")
        return 3


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    made = Host()
    monkeypatch.setattr(register, "FILE", tmp_path / "operators.json")
    monkeypatch.setattr(accounts, "look", made.known.get)
    monkeypatch.setattr(accounts, "run", made.run)
    monkeypatch.setattr(applying, "stacks", lambda: [{"name": "shop"}])
    monkeypatch.setattr(applying.transaction, "apply", made.apply)
    monkeypatch.setattr(sessions, "end", made.end)
    monkeypatch.setattr(sessions, "running", lambda _name: 3)
    return made


def had(*declared: dict[str, Any], departed: tuple[str, ...] = ()) -> None:
    register.FILE.write_text(register.Register(tuple(operators(*declared)), departed).text())


def run(*declared: dict[str, Any], check: bool = False, login: str = "ops") -> applying.Outcome:
    return applying.apply(Wanted(tuple(operators(*declared)), login=login), check=check, now=NOW)


def test_who_comes_has_an_account_that_no_password_opens(host: Host) -> None:
    outcome = run(entry("anna", 1))
    assert host.done == [
        "useradd --create-home --user-group --shell /bin/bash anna",
        "chpasswd --encrypted",
        "chage --maxdays -1 anna",
        "access-pam",
        "access",
        "access-sshd",
    ]
    assert outcome.lines[:2] == ["account anna made", "account anna is opened by no password"] and outcome.ended == {}


def test_an_account_is_not_shut_by_the_age_of_a_password_that_nobody_has(host: Host) -> None:
    """PAM wants a new one of who comes with a key, too; an earlier version left that to the day it happens."""
    host.account("anna", password_days=365)
    assert run(entry("anna", 1)).lines == ["account anna is not shut by the age of a password"]
    assert host.done[0] == "chage --maxdays -1 anna"
    host.account("anna")
    assert run(entry("anna", 1)).lines == []


def test_who_leaves_is_locked_first_and_ended_last(host: Host) -> None:
    host.account("anna")
    host.account("ben", groups=frozenset({"docker"}))
    had(entry("anna", 1), entry("ben", 2, level="read"))
    outcome = run(entry("anna", 1))
    assert host.done == [
        "usermod --expiredate 1 ben",
        "usermod --lock ben",
        "usermod --groups  ben",
        "access-pam",
        "access",
        "access-sshd",
        "end ben",
    ]
    assert outcome.register.departed == ("ben",) and outcome.ended == {"ben": 3}
    sshd = host.sets["access-sshd"].entries[0].content.decode()
    assert "Match User anna,ben" in sshd, "what lies in the home of who left opens nothing"
    assert "/etc/sudoers.d/latentum-access-ben" not in [str(file.path) for file in host.sets["access"].entries]


def test_who_has_left_stays_locked_and_a_second_run_does_nothing(host: Host) -> None:
    host.account("anna")
    host.account("ben", password="!*", expires=1)
    had(entry("anna", 1), departed=("ben",))
    assert run(entry("anna", 1)).lines == ["3 processes of ben ended"], "unless something of theirs runs"
    assert [line for line in host.done if line.startswith("usermod")] == []


def test_who_has_expired_is_treated_as_who_left_and_may_come_back(host: Host) -> None:
    host.account("anna")
    host.account("ben")
    outcome = run(entry("anna", 1), entry("ben", 2, level="read", expires="2026-12-31"))
    assert "account ben expired" in outcome.lines and "end ben" in host.done and outcome.register.of("ben")
    host.account("ben", password="!*", expires=1)
    host.done.clear()
    run(entry("anna", 1), entry("ben", 2, level="read"))
    assert host.done[:2] == ["chpasswd --encrypted", "usermod --expiredate  ben"]


def test_an_account_of_somebody_else_is_closed_by_name_only(host: Host) -> None:
    host.account("anna")
    host.account("old")
    assert "account old locked" in run(entry("anna", 1), {"name": "old", "state": "absent"}).lines
    assert "account old locked" not in run(entry("anna", 1)).lines


def test_groups_as_good_as_root_are_left(host: Host) -> None:
    host.account("anna", groups=frozenset({"docker", "lxd", "sudo"}))
    assert "account anna taken out of docker, lxd, sudo" in run(entry("anna", 1)).lines


def test_an_account_of_the_system_is_nobodys(host: Host) -> None:
    host.account("www-data", uid=33)
    with pytest.raises(AccountError, match=r"www-data is an account of the system \(uid 33\)"):
        run(entry("anna", 1), entry("www-data", 2, level="read"))
    with pytest.raises(AccountError):
        run(entry("anna", 1), {"name": "www-data", "state": "absent"})


def test_the_run_never_shuts_its_own_account_out(host: Host) -> None:
    for name in ("anna", "ben"):
        host.account(name)
    had(entry("anna", 1), entry("ben", 2))
    with pytest.raises(AccessRefused, match="connected as ben, who would be shut out"):
        run(entry("anna", 1), login="ben")
    with pytest.raises(AccessRefused, match="ops_operators is empty, and anna, ben would be shut out"):
        run()
    assert host.done == []


def test_a_check_changes_nothing_and_says_what_would_be(host: Host) -> None:
    for name in ("anna", "ben"):
        host.account(name)
    had(entry("anna", 1), entry("ben", 2))
    outcome = run(entry("anna", 1), check=True)
    assert host.done == ["check access-pam", "check access", "check access-sshd"]
    assert outcome.lines == ["account ben expired", "account ben locked", "3 processes of ben ended"]


def test_a_password_is_in_no_argument(host: Host) -> None:
    ben = entry("ben", 2, second_factor="password", password_hash="$6$salt$hidden")
    outcome = run(entry("anna", 1), ben)
    assert "hidden" not in " ".join([*host.done, *outcome.lines]) and "account ben has the declared password" in outcome.lines
    assert "hidden" not in str([file for wanted in host.sets.values() for file in wanted.entries])


# -- what is in force ----------------------------------------------------------------------------------------------------

KEYS = "authorizedkeysfile /etc/latentum-ops/access/keys/%u\nauthenticationmethods publickey\n"
MAY = "User ben may run the following commands on web:\n    (root : root) NOPASSWD: /usr/local/lib/latentum-ops/scoped/opsctl\n"


@pytest.mark.parametrize(
    ("sshd", "sudo", "said"),
    [
        (KEYS, MAY, ""),
        (KEYS.replace("/etc/latentum-ops/access/keys/%u", ".ssh/authorized_keys"), MAY, "sshd takes other keys for ben"),
        (f"{KEYS}authorizedkeyscommand /usr/bin/cloud\n", MAY, "sshd takes other keys for ben"),
        (KEYS.replace("publickey", "any"), MAY, "lets ben in without a key"),
        (KEYS, f"{MAY}    (ALL) NOPASSWD: ALL\n", "ben has more rights than the declared ones"),
        (KEYS, f"{MAY}    (root) /usr/bin/docker ps *\n", "ben has more rights"),
        (KEYS, "User ben is not allowed to run sudo on web.\n", "sudo does not know the rule of ben"),
    ],
)
def test_what_another_file_gives_is_found(monkeypatch: pytest.MonkeyPatch, sshd: str, sudo: str, said: str) -> None:
    def answer(argv: list[str], **_how: Any) -> Result:
        return Result(tuple(argv), 0, sshd if argv[0] == "sshd" else sudo, "")

    monkeypatch.setattr(in_force, "run", answer)
    ben = operators(entry("anna", 1), entry("ben", 2, level="read"))[1:]
    known = register.Register(tuple(ben))
    if not said:
        applying.verify(known, NOW)
        return
    with pytest.raises(AccessRefused, match=said):
        applying.verify(known, NOW)
