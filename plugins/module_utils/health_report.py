# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operator needs to know about unhealthy services without logging in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .docker_client import Engine
from .health import Verdict


def details(engine: Engine, verdicts: Sequence[Verdict], log_lines: int = 20) -> list[dict[str, Any]]:
    """One dictionary a service; containers of services that are not ok come with health log and last log lines."""
    return [
        {
            "service": verdict.service,
            "state": verdict.state,
            "reason": verdict.reason,
            "containers": [
                {
                    "name": one.name,
                    "state": one.state,
                    "health": one.health,
                    "exit_code": one.exit_code,
                    "oom_killed": one.oom_killed,
                    "restarts": one.restarts,
                    "started_at": one.started_at,
                    "image": one.image,
                    "digest": engine.digest(one),
                    "health_log": list(one.health_log) if verdict.state != "ok" else [],
                    "log": engine.log_tail(one, log_lines) if verdict.state != "ok" else [],
                }
                for one in verdict.containers
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
        for one in service["containers"]:
            head = f"  {one['name']}: {one['state']}/{one['health']}, exit code {one['exit_code']}"
            lines.append(f"{head}, {one['restarts']} restarts, image {one['image']} ({one['digest'][:19]})")
            lines += [f"    health: {entry}" for entry in one["health_log"]]
            lines += [f"    log: {entry}" for entry in one["log"]]
    return "\n".join(lines)
