# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Healthchecks for services that somebody relies on and whose Compose file has none."""

from __future__ import annotations

import re
from typing import Any

from ...compose.interpolation import Interpolation
from .model import Draft, services
from .ports import repository

_KNOWN: tuple[tuple[str, list[str]], ...] = (
    ("postgres|postgresql|postgis|timescaledb|pgvector", ["CMD-SHELL", 'pg_isready -U "$${POSTGRES_USER:-postgres}"']),
    ("redis", ["CMD-SHELL", "redis-cli ping | grep -qE 'PONG|NOAUTH'"]),
    ("valkey", ["CMD-SHELL", "valkey-cli ping | grep -qE 'PONG|NOAUTH'"]),
    ("mariadb", ["CMD", "healthcheck.sh", "--connect", "--innodb_initialized"]),
    ("mysql", ["CMD", "mysqladmin", "ping", "-h", "127.0.0.1", "--silent"]),
    ("mongo|mongodb", ["CMD", "mongosh", "--quiet", "--eval", "db.adminCommand('ping')"]),
    ("rabbitmq", ["CMD", "rabbitmq-diagnostics", "-q", "ping"]),
)


def draft_healthchecks(draft: Draft, environment: dict[str, str]) -> None:
    """A known command for a known image; otherwise, that the routed port is listened on."""
    ports = {route["service"]: route["port"] for route in reversed(draft.stack["routes"])}
    awaited = {name for service in services(draft.compose).values() for name in _awaited(service)}
    for name, service in services(draft.compose).items():
        if service.get("healthcheck") or name not in {*ports, *awaited}:
            continue
        image = str(Interpolation(environment).resolve(service.get("image") or "", ""))
        known = repository(image).rpartition("/")[2]
        test = next((list(test) for names, test in _KNOWN if re.fullmatch(names, known)), None)
        if test is None and name in ports:
            test = ["CMD-SHELL", _listens(ports[name])]
            draft.notes.append(f"{name}: its healthcheck sees that port {ports[name]} is listened on, no more")
        if test is not None:
            service["healthcheck"] = {"test": test, "interval": "10s", "timeout": "5s", "retries": 6, "start_period": "60s"}


def _awaited(service: dict[str, Any]) -> list[str]:
    depends = service.get("depends_on")
    conditions = depends.items() if isinstance(depends, dict) else ()
    return [name for name, value in conditions if isinstance(value, dict) and value.get("condition") == "service_healthy"]


def _listens(port: int) -> str:
    """The kernel's own list of sockets: needs a shell and grep, which nearly every image has; state 0A is LISTEN."""
    return f"grep -qs ':{port:04X} [0-9A-F]*:0000 0A' /proc/net/tcp /proc/net/tcp6"
