# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that is derived from a declaration: one by one as filters, or all at once for a play to remember.

Ansible renders a variable anew wherever it is used, in a process of its own for each task. A play therefore derives everything in one
task (action `declaration`) and remembers it as plain data; the filters take their result from there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible.errors import AnsibleFilterError

from ..module_utils.declaration import compose_project
from ..module_utils.declaration.backups import derive as backups
from ..module_utils.declaration.loader import InvalidDeclaration, is_empty, load
from ..module_utils.declaration.model import Declaration
from ..module_utils.declaration.routes import derive as routes
from ..module_utils.declaration.services import derive as services
from ..module_utils.declaration.updates import derive as updates
from ..module_utils.declaration.watchdog import derive as watchdog

REMEMBERED = "derived"  # the key of what a play remembers; no declaration has it


@dataclass(frozen=True)
class Derivation:
    """A function of the typed declaration.

    :ivar empty: makes the result for an empty declaration.
    :ivar secret: the result may hold values of secrets; it is never remembered.
    """

    derive: Callable[[Declaration], Any]
    empty: Callable[[], Any]
    secret: bool = False


DERIVATIONS = {
    "backup_authorities": Derivation(backups.backup_authorities, list),
    "backup_config": Derivation(backups.backup_config, dict),
    "certificates": Derivation(routes.certificates, list),
    "compose_project": Derivation(compose_project.compose_project, dict),
    "fail2ban_jails": Derivation(routes.fail2ban_jails, list),
    "firewall_rules": Derivation(routes.firewall_rules, list),
    "health_expectations": Derivation(services.health_expectations, list),
    "nginx_sites": Derivation(routes.nginx_sites, list),
    "nginx_upstreams": Derivation(routes.nginx_upstreams, list),
    "rollout_hooks": Derivation(updates.rollout_hooks, dict),
    "rollout_policies": Derivation(updates.rollout_policies, list),
    "secret_entries": Derivation(services.secret_entries, list, secret=True),
    "watchdog_config": Derivation(watchdog.watchdog_config, dict),
}


def derived(name: str) -> Callable[[object], Any]:
    """The filter of this name; for what a play remembers it gives the remembered result."""
    derivation = DERIVATIONS[name]

    def apply(stack: object) -> Any:
        if isinstance(stack, Mapping) and REMEMBERED in stack:
            if derivation.secret:
                raise AnsibleFilterError(f"{name}: values of secrets are not remembered: apply the filter to ops_stack itself")
            return stack[REMEMBERED][name]
        if is_empty(stack):
            return derivation.empty()
        try:
            return derivation.derive(load(stack))
        except InvalidDeclaration as error:
            raise AnsibleFilterError(str(error)) from None

    return apply


def remember(stack: object) -> dict[str, Any]:
    """All that may be remembered of a declaration, by the names of the filters.

    :raises InvalidDeclaration: it contradicts itself.
    """
    if is_empty(stack):
        return {name: derivation.empty() for name, derivation in DERIVATIONS.items() if not derivation.secret}
    declaration = load(stack)
    return {name: derivation.derive(declaration) for name, derivation in DERIVATIONS.items() if not derivation.secret}
