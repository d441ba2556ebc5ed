# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Report on unhealthy services: what an operator needs to know without logging in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..containers.client import Engine
from .assessment import Verdict


def details(engine: Engine, verdicts: Sequence[Verdict], log_lines: int = 20) -> list[dict[str, Any]]:
    """One dictionary a service; containers of services that are not ok come with health log and last log lines.

    What containers wrote comes without secrets from the engine.
    """
    return [
        {
            "service": verdict.service,
            "state": verdict.state,
            "reason": verdict.reason,
            "containers": [
                {
                    "name": container.name,
                    "state": container.state,
                    "health": container.health,
                    "exit_code": container.exit_code,
                    "oom_killed": container.oom_killed,
                    "restarts": container.restarts,
                    "started_at": container.started_at,
                    "uptime": int(container.uptime()),
                    "image": container.image,
                    "digest": engine.digest(container),
                    "health_log": list(container.health_log) if verdict.state != "ok" else [],
                    "log": engine.log_tail(container, log_lines) if verdict.state != "ok" else [],
                }
                for container in verdict.containers
            ],
        }
        for verdict in verdicts
    ]


def text(described: Sequence[dict[str, Any]]) -> str:
    """The services that are not ok, as a person reads them."""
    lines: list[str] = []
    for service in described:
        if service["state"] == "ok":
            continue
        lines.append(f"{service['service']}: {service['reason']}")
        for container in service["containers"]:
            head = f"  {container['name']}: {container['state']}/{container['health']}, exit code {container['exit_code']}"
            lines.append(f"{head}, {container['restarts']} restarts, image {container['image']} ({container['digest'][:19]})")
            lines += [f"    health: {entry}" for entry in container["health_log"]]
            lines += [f"    log: {entry}" for entry in container["log"]]
    return "\n".join(lines)
