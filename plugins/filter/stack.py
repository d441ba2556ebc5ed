# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters from a declaration to what the stack, its secrets, its health checks, its watchdog and its backups need."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.latentum.ops.plugins.module_utils.declaration import compose_project
from ansible_collections.latentum.ops.plugins.module_utils.declaration.backups import derive as backups
from ansible_collections.latentum.ops.plugins.module_utils.declaration.services import derive as services
from ansible_collections.latentum.ops.plugins.module_utils.declaration.updates import derive as updates
from ansible_collections.latentum.ops.plugins.module_utils.declaration.watchdog import derive as watchdog
from ansible_collections.latentum.ops.plugins.plugin_utils.declared import derived


class FilterModule:
    """Each is documented in a file of its own name."""

    def filters(self) -> dict[str, Callable[[object], Any]]:
        return {
            "compose_project": derived(compose_project.compose_project, dict),
            "secret_entries": derived(services.secret_entries, list),
            "health_expectations": derived(services.health_expectations, list),
            "rollout_policies": derived(updates.rollout_policies, list),
            "rollout_hooks": derived(updates.rollout_hooks, dict),
            "watchdog_config": derived(watchdog.watchdog_config, dict),
            "backup_config": derived(backups.backup_config, dict),
            "backup_authorities": derived(backups.backup_authorities, list),
        }
