# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters from a declaration to what the stack, its secrets, its health checks, its watchdog and its backups need."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.latentum.ops.plugins.module_utils import derive_backup, derive_rollout, derive_services, derive_watch, project
from ansible_collections.latentum.ops.plugins.plugin_utils.declared import derived


class FilterModule:
    """Each is documented in a file of its own name."""

    def filters(self) -> dict[str, Callable[[object], Any]]:
        return {
            "compose_project": derived(project.compose_project, dict),
            "secret_entries": derived(derive_services.secret_entries, list),
            "health_expectations": derived(derive_services.health_expectations, list),
            "rollout_policies": derived(derive_rollout.rollout_policies, list),
            "rollout_hooks": derived(derive_rollout.rollout_hooks, dict),
            "watchdog_config": derived(derive_watch.watchdog_config, dict),
            "backup_config": derived(derive_backup.backup_config, dict),
            "backup_authorities": derived(derive_backup.backup_authorities, list),
        }
