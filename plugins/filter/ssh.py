# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters for role ssh_hardening."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.latentum.ops.plugins.module_utils.preflight.login import Login, refusals


def supported_algorithms(wanted: Mapping[str, Sequence[str]], known: Sequence[str]) -> dict[str, list[str]]:
    """See the filter's own documentation."""
    if not known:
        return {kind: [str(name) for name in names] for kind, names in wanted.items()}
    chosen = {kind: [str(name) for name in names if f"{kind} {name}" in known] for kind, names in wanted.items()}
    for kind, names in chosen.items():
        if not names:
            raise AnsibleFilterError(f"supported_algorithms: this OpenSSH knows no wanted algorithm of kind {kind}: it is too old")
    return chosen


def login_refusals(seen: Sequence[str], allow_users: Sequence[str], allow_groups: Sequence[str], root: str) -> list[str]:
    """See the filter's own documentation."""
    facts = [line.split(" ", 1) for line in seen if line]
    login = Login(
        user=next((value for kind, value in facts if kind == "user"), ""),
        groups=[value for kind, value in facts if kind == "group"],
        key=any(kind == "key" for kind, _file in facts),
    )
    return [str(problem) for problem in refusals(login, allow_users, allow_groups, root)]


class FilterModule:
    """Each is documented in a file of its own name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters by name."""
        return {"login_refusals": login_refusals, "supported_algorithms": supported_algorithms}
