# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A faultless declaration, and a way to change one thing in it."""

from __future__ import annotations

import copy
import re
from enum import Enum
from typing import Any


class Mark(Enum):
    """What a value is not; a member of an enumeration stays itself when it is copied."""

    REMOVED = 1


REMOVED = Mark.REMOVED

COMPOSE: dict[str, Any] = {
    "services": {
        "web": {
            "image": "registry.example.com:5000/acme/web:1.4.2",
            "user": "10001:10001",
            "environment": {"LOG_LEVEL": "${LOG_LEVEL}", "DATABASE_URL_FILE": "/run/secrets/database_url"},
            "secrets": ["database_url"],
            "networks": ["backend"],
            "depends_on": {"database": {"condition": "service_healthy"}},
            "healthcheck": {"test": ["CMD", "curl", "-f", "http://localhost:8080/health"]},
        },
        "worker": {"image": "acme/worker:1.4.2", "networks": ["backend"], "depends_on": ["database"]},
        "migrate": {"image": "acme/web:1.4.2", "networks": ["backend"], "command": ["migrate"]},
        "database": {
            "image": "postgres:17.2",
            "secrets": ["database_password"],
            "networks": ["backend"],
            "volumes": ["data:/var/lib/postgresql/data"],
            "healthcheck": {"test": "pg_isready"},
        },
    },
    "volumes": {"data": None},
    "networks": {"backend": None},
}

STACK: dict[str, Any] = {
    "name": "acme",
    "compose": COMPOSE,
    "contact": "ops@example.com",
    "environment": {"LOG_LEVEL": "info"},
    "routes": [
        {
            "domain": "app.example.com",
            "aliases": ["www.example.com"],
            "service": "web",
            "port": 8080,
            "rate_limit": {"requests": 20, "per": "second", "burst": 40},
        },
        {
            "domain": "app.example.com",
            "path": "/ws/",
            "service": "web",
            "port": 8080,
            "websocket": True,
            "timeout": "5m",
        },
        {
            "domain": "api.example.com",
            "service": "web",
            "port": 8080,
            "body_limit": "2048k",
            "allow_from": ["203.0.113.0/24"],
        },
    ],
    "services": {
        "web": {"replicas": 2, "probe": {"path": "/health", "port": 8080, "timeout": "2s"}},
        "migrate": {"expect": "completed"},
    },
    "secrets": {
        "database_password": {"kind": "password", "length": 40},
        "database_url": {
            "kind": "template",
            "template": "postgres://app:{{ database_password | urlencode }}@database:5432/app",
        },
        "api_key": {"kind": "token", "environment": {"worker": "API_KEY"}},
    },
    "databases": [
        {
            "service": "database",
            "engine": "postgresql",
            "name": "app",
            "user": "app",
            "password_secret": "database_password",
        }
    ],
    "firewall": [{"port": 9443, "protocol": "tcp", "from": ["203.0.113.0/24"], "comment": "metrics"}],
}


def put(stack: dict[str, Any], path: str, value: Any) -> None:
    """Writes a value at C(routes[0].port) or C(compose.services.web.ports); REMOVED removes what is there."""
    *way, last = [int(part) if part.isdecimal() else part for part in re.findall(r"[^.\[\]]+", path)]
    place: Any = stack
    for part in way:
        place = place.setdefault(part, {}) if isinstance(place, dict) else place[part]
    if value is REMOVED:
        del place[last]
    elif isinstance(place, list) and last == len(place):
        place.append(value)
    else:
        place[last] = value


def changed(*changes: tuple[str, Any]) -> dict[str, Any]:
    """The faultless declaration with these changes."""
    return apply(STACK, *changes)


def apply(declared: dict[str, Any], *changes: tuple[str, Any]) -> dict[str, Any]:
    """A copy of a declaration with these changes."""
    stack = copy.deepcopy(declared)
    for path, value in changes:
        put(stack, path, value)
    return stack
