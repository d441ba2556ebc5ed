# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the user of this connection can come back once the SSH server is hardened.

The server reads all its files anew then, also what somebody else has put there since it was started: that is asked of sshd, with the files
as they are (``sshd -T``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from ..schema.nodes import Problem
from .host import Host
from .operators import present
from .sshd_files import lines

USUAL = (".ssh/authorized_keys", ".ssh/authorized_keys2")
_KEYS = "authorizedkeysfile"
# Words of sshd_config(5), as sshd -T prints them, by which keys come from elsewhere than a file of the account's.
_ELSEWHERE = ("authorizedkeyscommand", "trustedusercakeys")


@dataclass(frozen=True)
class Login:
    """Who is behind a connection, and whether a key of theirs is on the host."""

    user: str
    groups: Sequence[str]
    key: bool


def refusals(login: Login, allow_users: Sequence[str], allow_groups: Sequence[str], root: str) -> Iterator[Problem]:
    """What of the server's settings shuts this user out.

    :param root: what ``ssh_hardening_permit_root_login`` says.
    """
    user, groups = login.user, login.groups
    if user == "root" and root == "no":
        yield Problem(
            "ssh_hardening_permit_root_login",
            root,
            "this run is connected as root, and root may not log in any more",
            "for the first run of a host that has root alone, declare an operator (base_operators) and add"
            " `-e ssh_hardening_permit_root_login=prohibit-password`; then set ansible_user to the operator and run again without it",
        )
    if not login.key:
        problem = f"{user} has no ~/.ssh/authorized_keys, and passwords will not be accepted"
        yield Problem("base_operators", "", problem, "put a key there (base_operators does)")
    if not admitted([user], allow_users):
        yield Problem("ssh_hardening_allow_users", ", ".join(allow_users), f"{user}, whom this run is connected as, is not in it", "add it")
    if not admitted(groups, allow_groups):
        problem = f"{user} is in none of these groups, only in {', '.join(groups)}"
        yield Problem("ssh_hardening_allow_groups", ", ".join(allow_groups), problem, "add the user to such a group, or the group here")


def admitted(names: Sequence[str], patterns: Sequence[str]) -> bool:
    """Whether sshd's patterns (``*``, ``?``, ``!no``; a host part is not judged) admit one of the names."""
    if not patterns:
        return True
    parts = [str(pattern).split("@", maxsplit=1)[0] for pattern in patterns]
    if any(fnmatchcase(name, part[1:]) for part in parts if part.startswith("!") for name in names):
        return False
    return any(fnmatchcase(name, part) for part in parts for name in names)


def comes_back(host: Host, wanted: Mapping[str, Mapping[str, Any]]) -> Iterator[Problem]:
    """The user of this connection would be shut out; what role base gives an operator in the same run counts."""
    if host.connection is None:
        return
    given = wanted["ssh_hardening"]
    operator = next((entry for entry in present(wanted) if entry["name"] == host.user), None)
    groups = host.groups(host.user)
    if operator and operator.get("sudo", True) and "sudo" not in groups:
        groups = [*groups, "sudo"]
    settings = effective(host)
    places = settings.get(_KEYS, " ".join(USUAL)).split()
    has_key = _has_key(host, places) or any(settings.get(word, "none") != "none" for word in _ELSEWHERE)
    if places != list(USUAL) and not has_key:
        yield _elsewhere(host, places)
        has_key = True  # said
    login = Login(host.user, groups, has_key or bool(operator and operator.get("ssh_keys")))
    yield from refusals(login, given["allow_users"], given["allow_groups"], given["permit_root_login"])


def specimen(user: str, client: str) -> str:
    """A connection, as ``sshd -T -C`` takes it."""
    return f"user={user},host={client},addr={client},laddr=127.0.0.1,lport=22"


def effective(host: Host) -> dict[str, str]:
    """What sshd would do with this connection, by word; nothing where there is no sshd, or it does not say."""
    client = host.connection.client if host.connection else ""
    shown = host.output(["sshd", "-T", "-C", specimen(host.user, client)]) or ""
    return {word.lower(): value for word, _space, value in (line.partition(" ") for line in shown.splitlines())}


def _has_key(host: Host, places: Sequence[str]) -> bool:
    home = host.home(host.user)
    if home is None:
        return False
    tokens = {"%%": "%", "%h": str(home), "%u": host.user}
    files = [re.sub("%[%hu]", lambda token: tokens[token[0]], place) for place in places]
    return any((host.read(home / file) or "").strip() for file in files)


def _elsewhere(host: Host, places: Sequence[str]) -> Problem:
    """sshd looks for keys where none is."""
    found = next((line for line in lines(host) if line.keyword.lower() == _KEYS and line.value.split() == list(places)), None)
    where = f"{found.file}:{found.number}" if found else "/etc/ssh"
    problem = f"sshd will look there for keys of {host.user}, whom this run is connected as, and there is none"
    return Problem("AuthorizedKeysFile", " ".join(places), problem, f"remove that line ({where}), or put the key there")
