# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The limit of processes that each container has, so that a fork bomb in one ends with it and not with the host.

The default is no part of what makes a container what it is: Docker changes it while the container runs, so that no database is restarted
for a limit that nobody declared.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DEFAULT = 4096  # more than threads of a JVM or connections of PostgreSQL need, less than a small host has (kernel.threads-max)
KEY = "pids_limit"  # of a service; the other way to write it is deploy.resources.limits.pids


def limit_of(service: Mapping[str, Any]) -> int:
    """Of a service whose variables are resolved; 0 for none."""
    for value in (deployed_limits(service).get("pids"), service.get(KEY)):
        try:
            limit = int(value or 0)
        except (TypeError, ValueError):
            continue
        if limit:
            return max(0, limit)
    return 0


def without_default(service: Mapping[str, Any]) -> dict[str, Any]:
    """A service as it was before there was a default."""
    spec = {key: value for key, value in service.items() if key != KEY or value != DEFAULT}
    limits = deployed_limits(service)
    if limits.get("pids") == DEFAULT:
        kept = {key: value for key, value in limits.items() if key != "pids"}
        spec["deploy"] = {**service["deploy"], "resources": {**service["deploy"]["resources"], "limits": kept}}
    return spec


def deployed_limits(service: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a service says below deploy.resources.limits."""
    found: Any = service
    for name in ("deploy", "resources", "limits"):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}
