# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters for role ssh_hardening."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from ansible.errors import AnsibleFilterError


def supported_algorithms(wanted: Mapping[str, Sequence[str]], known: Sequence[str]) -> dict[str, list[str]]:
    """See the filter's own documentation."""
    if not known:
        return {kind: [str(one) for one in names] for kind, names in wanted.items()}
    chosen = {kind: [str(one) for one in names if f"{kind} {one}" in known] for kind, names in wanted.items()}
    for kind, names in chosen.items():
        if not names:
            raise AnsibleFilterError(f"supported_algorithms: this OpenSSH knows no wanted algorithm of kind {kind}: it is too old")
    return chosen


def _admitted(names: Sequence[str], patterns: Sequence[str]) -> bool:
    """Whether sshd's patterns (``*``, ``?``, ``!no``; a host part is not judged) admit one of the names."""
    if not patterns:
        return True
    parts = [str(pattern).split("@", maxsplit=1)[0] for pattern in patterns]
    if any(fnmatchcase(name, part[1:]) for part in parts if part.startswith("!") for name in names):
        return False
    return any(fnmatchcase(name, part) for part in parts for name in names)


def login_refusals(seen: Sequence[str], allow_users: Sequence[str], allow_groups: Sequence[str], root: str) -> list[str]:
    """See the filter's own documentation."""
    facts = [line.split(" ", 1) for line in seen if line]
    user = next((value for kind, value in facts if kind == "user"), "")
    groups = [value for kind, value in facts if kind == "group"]
    refusals = []
    if user == "root" and root == "no":
        refusals.append(
            "root may not log in any more: connect as another user with sudo (base_operators makes one), "
            "or set ssh_hardening_permit_root_login to prohibit-password for now"
        )
    if not any(kind == "key" for kind, _file in facts):
        refusals.append(f"{user} has no ~/.ssh/authorized_keys, and passwords will not be accepted: put a key there (base_operators does)")
    if not _admitted([user], allow_users):
        refusals.append(f"{user} is not in ssh_hardening_allow_users ({', '.join(allow_users)}): add it")
    if not _admitted(groups, allow_groups):
        refusals.append(
            f"{user} is in no group of ssh_hardening_allow_groups ({', '.join(allow_groups)}), only in {', '.join(groups)}: "
            "add the user to such a group, or the group here"
        )
    return refusals


class FilterModule:
    """Each is documented in a file of its own name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters by name."""
        return {"login_refusals": login_refusals, "supported_algorithms": supported_algorithms}
