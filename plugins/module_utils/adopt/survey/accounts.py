# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts that people can log in to: with keys, passwords and sudo. No key and no hash leaves the host, only fingerprints."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ...preflight.operators import fingerprints
from ..host import SurveyedHost

NO_SHELL = ("nologin", "false", "sync", "halt", "shutdown")
FIRST_PERSON = 1000  # UID_MIN of login.defs on Debian and Ubuntu
SUDO_GROUPS = ("sudo", "admin", "wheel", "root")


@dataclass(frozen=True)
class Account:
    """An account with a shell.

    :param keys: fingerprint and comment of each that opens it over SSH.
    :param password: it has one.
    :param sudo: why it may become root: a group, or a file of sudo that names it; empty where it may not.
    """

    name: str
    uid: int
    home: str
    keys: tuple[str, ...] = ()
    password: bool = False
    sudo: str = ""
    groups: tuple[str, ...] = ()


def accounts(host: SurveyedHost) -> list[Account]:
    """Root, and everybody with a shell and a number of a person, or with a key."""
    groups = _groups(host)
    hashes = {line.split(":")[0]: line.split(":")[1] for line in (host.read("/etc/shadow") or "").splitlines() if line.count(":") > 1}
    named = _sudoers(host)
    people = []
    for line in (host.read("/etc/passwd") or "").splitlines():
        fields = line.split(":")
        if len(fields) < 7 or not fields[2].isdigit() or fields[6].rpartition("/")[2] in NO_SHELL:
            continue
        name, uid, home = fields[0], int(fields[2]), fields[5]
        keys = tuple(_keys(host, home))
        if uid and not FIRST_PERSON <= uid < 65534 and not keys:
            continue
        mine = tuple(sorted(group for group, members in groups.items() if name in members))
        hidden = hashes.get(name, "!")
        sudo = "" if not uid else next((f"group {group}" for group in SUDO_GROUPS if group in mine), named.get(name, ""))
        people.append(Account(name, uid, home, keys, password=hidden.startswith("$") or hidden == "", sudo=sudo, groups=mine))
    return people if hashes else [_unknown(account) for account in people]


def _unknown(account: Account) -> Account:
    """Without /etc/shadow nothing is known of passwords."""
    return Account(account.name, account.uid, account.home, account.keys, sudo=account.sudo, groups=account.groups)


def _groups(host: SurveyedHost) -> dict[str, list[str]]:
    rows = [line.split(":") for line in (host.read("/etc/group") or "").splitlines()]
    return {fields[0]: fields[3].split(",") for fields in rows if len(fields) > 3}


def _keys(host: SurveyedHost, home: str) -> Iterator[str]:
    for name in ("authorized_keys", "authorized_keys2"):
        for fingerprint, key in fingerprints(host.read(f"{home}/.ssh/{name}") or "").items():
            yield f"{fingerprint} {key.comment}".strip()


def _sudoers(host: SurveyedHost) -> dict[str, str]:
    """Users that a file of sudo names; our own file is left out."""
    named: dict[str, str] = {}
    files = ["/etc/sudoers", *(f"/etc/sudoers.d/{name}" for name in host.names("/etc/sudoers.d"))]
    for path in files:
        if path.rpartition("/")[2].startswith("latentum-ops-"):
            continue
        for user in re.findall(r"^([a-z_][\w.-]*)\s+\S+\s*=", host.read(path) or "", re.MULTILINE):
            if user != "root":
                named.setdefault(user, path)
    return named
