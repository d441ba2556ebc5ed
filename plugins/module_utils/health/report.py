# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operator needs to know about unhealthy services without logging in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..containers.client import Engine
from ..core.process import MASKED
from .assessment import Verdict

SECRETS = Path("/etc/latentum-ops/secrets")
SHORTEST = 6  # a shorter value would mask words of the log


def secret_values(verdicts: Sequence[Verdict]) -> list[str]:
    """Values that the consumers' copies in the secret stores of this host hold; only looked for when a log will be shown."""
    return [] if all(verdict.state == "ok" for verdict in verdicts) else secret_values_of_host()


def secret_values_of_host() -> list[str]:
    """All values that must not appear in what containers say, the longest first."""
    found = {file.read_text(errors="replace").strip() for file in SECRETS.glob("*/services/*/*") if file.is_file()}
    return sorted((value for value in found if len(value) >= SHORTEST), key=len, reverse=True)


def masked(lines: Sequence[str], values: Sequence[str]) -> list[str]:
    """The lines without the values."""
    shown = list(lines)
    for value in values:
        shown = [line.replace(value, MASKED) for line in shown]
    return shown


def details(engine: Engine, verdicts: Sequence[Verdict], log_lines: int = 20) -> list[dict[str, Any]]:
    """One dictionary a service; containers of services that are not ok come with health log and last log lines.

    Values of the project's secrets are masked in what containers wrote.
    """
    values = secret_values(verdicts)
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
                    "uptime": int(one.uptime()),
                    "image": one.image,
                    "digest": engine.digest(one),
                    "health_log": masked(one.health_log, values) if verdict.state != "ok" else [],
                    "log": masked(engine.log_tail(one, log_lines), values) if verdict.state != "ok" else [],
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
