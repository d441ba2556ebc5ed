# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts of operators as they are (passwd(5), shadow(5), group(5)) and the programs that bring them to what is declared."""

from __future__ import annotations

import grp
import pwd
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..core.process import run
from .operators import Operator, SecondFactor

SHADOW = Path("/etc/shadow")
FIRST_UID = 1000  # of people (login.defs(5), UID_MIN); below it are accounts of services
DAY = 86400
NO_PASSWORD = "*"  # noqa: S105  # no password opens it, and sshd does not take it for locked
LONG_AGO = 1  # 1970-01-02, as usermod(8) says it


class AccountError(ValueError):
    """An account cannot become what is declared; the message says why."""


@dataclass(frozen=True)
class Account:
    """An account of this host.

    :param groups: beside its own.
    :param password: of shadow(5).
    :param expires: days since 1970 from which nobody logs in any more; None for never.
    :param password_days: after how many days PAM wants another password before anything else, also of who comes with a key; None for never.
    """

    name: str
    uid: int
    shell: str
    groups: frozenset[str]
    password: str
    expires: int | None
    password_days: int | None


def look(name: str) -> Account | None:
    """An account; None where there is none."""
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    groups = frozenset(group.gr_name for group in grp.getgrall() if name in group.gr_mem)
    return Account(name, entry.pw_uid, entry.pw_shell, groups, *_shadow(name))


def _shadow(name: str) -> tuple[str, int | None, int | None]:
    """Password, last day and age of a password that ends it, of shadow(5)."""
    for line in SHADOW.read_text(errors="replace").splitlines():
        fields = line.split(":")
        if fields[0] == name and len(fields) >= 8:
            expires, days = (int(field) if field.isdigit() else None for field in (fields[7], fields[4]))
            return fields[1], expires, days
    return "", None, None


@dataclass(frozen=True)
class Step:
    """One thing that is not as it should be, and the program that changes it; what it reads is never shown."""

    what: str
    argv: tuple[str, ...]
    stdin: str = ""

    def take(self) -> None:
        """Do it.

        :raises CommandError: it could not be done.
        """
        run(self.argv, input=self.stdin or None, timeout=60)


def opening(operator: Operator) -> Iterator[Step]:
    """What makes an account of an operator, or makes it what it should be.

    No group: what an operator may is in their scopes, and groups such as docker, lxd or disk are as good as root.

    :raises AccountError: the name belongs to a service.
    """
    name, account = operator.name, look(operator.name)
    if account is not None and account.uid < FIRST_UID:
        raise AccountError(f"{name} is an account of the system (uid {account.uid}): give the operator another name")
    if account is None:
        yield Step(f"account {name} made", ("useradd", "--create-home", "--user-group", "--shell", "/bin/bash", name))
    elif account.groups:
        yield Step(f"account {name} taken out of {', '.join(sorted(account.groups))}", ("usermod", "--groups", "", name))
    if account is not None and account.shell in ("/usr/sbin/nologin", "/sbin/nologin", "/bin/false"):
        yield Step(f"account {name} may log in", ("usermod", "--shell", "/bin/bash", name))
    wanted = operator.password_hash if operator.second_factor is SecondFactor.PASSWORD else NO_PASSWORD
    if account is None or account.password != wanted:
        what = "has the declared password" if wanted != NO_PASSWORD else "is opened by no password"
        yield Step(f"account {name} {what}", ("chpasswd", "--encrypted"), f"{name}:{wanted}\n")
    # useradd gives what login.defs says (PASS_MAX_DAYS); behind that day no key and no certificate opens the account.
    if account is None or account.password_days is not None:
        yield Step(f"account {name} is not shut by the age of a password", ("chage", "--maxdays", "-1", name))
    day = int(operator.expires // DAY) + 1 if operator.expires else None  # keys end to the second; this is behind them
    if day != (account.expires if account else None):
        shown = "never ends" if day is None else f"ends with day {day} since 1970"
        yield Step(f"account {name} {shown}", ("usermod", "--expiredate", "" if day is None else str(day), name))


def closing(name: str) -> Iterator[Step]:
    """What shuts an account for keys, certificates and passwords; its files stay.

    A locked password alone stops no key: only an account that has expired is refused whatever it comes with (pam_unix(8), sshd(8)).
    """
    account = look(name)
    if account is None:
        return
    if account.uid < FIRST_UID:
        raise AccountError(f"{name} is an account of the system (uid {account.uid}), and no operator")
    if account.expires is None or account.expires > LONG_AGO:
        yield Step(f"account {name} expired", ("usermod", "--expiredate", str(LONG_AGO), name))
    if not account.password.startswith("!"):
        yield Step(f"account {name} locked", ("usermod", "--lock", name))
    if account.groups:
        yield Step(f"account {name} taken out of {', '.join(sorted(account.groups))}", ("usermod", "--groups", "", name))
