# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The environments of an inventory, as actions on the controller see them: which hosts belong to one, and what they declare."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleActionFail

from ..module_utils.declaration.loader import InvalidDeclaration
from ..module_utils.declaration.model import Declaration
from ..module_utils.declaration.together.given import ONE, ONLY, SEVERAL
from ..module_utils.declaration.together.loader import load
from .declared import written


def hosts_of(environment: str, hostvars: Mapping[str, Any], hosts: list[str]) -> list[str]:
    """The hosts of an environment, in the order of the inventory.

    :raises AnsibleActionFail: there are none; the message names the environments that there are.
    """
    names = {host: str(hostvars[host].get("ops_environment") or "") for host in hosts}
    chosen = [host for host, name in names.items() if name == environment]
    if not chosen:
        known = ", ".join(sorted({name for name in names.values() if name})) or "none"
        hint = "; two inventories whose group_vars/all hold different values overwrite each other" if len(set(names.values())) < 2 else ""
        raise AnsibleActionFail(
            f"ops_environment: no host is of environment {environment!r}; there are: {known}{hint}. Give both inventories (-i … -i …), each"
            " with ops_environment in the variables of its own group (docs/guides/environments.md). Nothing was changed."
        )
    return chosen


def declarations(host: str, variables: Mapping[str, Any]) -> list[Declaration]:
    """The declarations of those of a host's stacks that the run works on.

    :raises AnsibleActionFail: one contradicts itself, or another.
    """
    try:
        return list(load(written(*(variables.get(name) for name in (ONE, SEVERAL, ONLY)))).values())
    except InvalidDeclaration as error:
        raise AnsibleActionFail(f"{host}: {error}") from None
