# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How services are watched and healed, and who is told, read and typed; durations in seconds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .schema import SITES, WATCH, WATCHDOG

ALERT_SECRETS = ("url_secret", "key_secret", "password_secret")
_LEAST = {"commands": 60, "queues": 30, "databases": 30}  # seconds between looks that cost more than a connection


@dataclass(frozen=True)
class Watch:
    """How one service is watched. Its probes are mappings as the schema read them."""

    given: bool  # something was written, if only an empty mapping
    severity: str
    heal: str
    escalate: tuple[str, ...]
    max_heals: int
    heal_window: float
    start_period: float
    interval: float | None
    http: tuple[Mapping[str, Any], ...]
    tcp: tuple[Mapping[str, Any], ...]
    commands: tuple[Mapping[str, Any], ...]
    queues: tuple[Mapping[str, Any], ...]

    def secrets(self, key: str) -> Iterator[tuple[str, str]]:
        """The key that names a secret, and the secret."""
        for index, queue in enumerate(self.queues):
            if queue["password_secret"]:
                yield f"{key}.queues[{index}].password_secret", queue["password_secret"]


@dataclass(frozen=True)
class StatusPage:
    """The status page. Without a domain and a path nginx does not serve it."""

    title: str = ""
    domain: str = ""
    path: str = ""
    allow_from: tuple[str, ...] = ()

    @property
    def served(self) -> bool:
        """nginx serves it."""
        return bool(self.domain or self.path)


@dataclass(frozen=True)
class Watchdog:
    """What holds for the whole stack. Sites, the dead man's switch and alerts are mappings as the schema read them."""

    interval: float
    confirm: float
    recover: float
    runbook: str
    sites: Mapping[str, Any]
    backup_max_age: float
    max_connections: int
    max_replication_lag: float
    deadman: Mapping[str, Any] | None
    page: StatusPage
    freshness: Mapping[str, Mapping[str, Any]]
    alerts: tuple[Mapping[str, Any], ...]

    def secrets(self, key: str) -> Iterator[tuple[str, str]]:
        """The key that names a secret, and the secret."""
        if self.deadman and self.deadman["url_secret"]:
            yield f"{key}.deadman.url_secret", self.deadman["url_secret"]
        for index, alert in enumerate(self.alerts):
            for option in ALERT_SECRETS:
                if alert.get(option):
                    yield f"{key}.alerts[{index}].{option}", alert[option]

    def pace(self, watch: Watch, kind: str, own: float | None = None) -> float:
        """Seconds between two looks of a probe: its own, else the service's, else the stack's; costly ones are rarer."""
        return own or watch.interval or max(self.interval, _LEAST.get(kind, 0))


def watch_from(item: Mapping[str, Any] | None = None) -> Watch:
    """From what the schema read, whose table has the defaults."""
    read = WATCH.read({}, "", []) if item is None else item
    lists = {name: tuple(read[name]) for name in ("escalate", "http", "tcp", "commands", "queues")}
    return Watch(**{**read, **lists, "given": item is not None})


def watchdog_from(item: Mapping[str, Any] | None = None) -> Watchdog:
    """From what the schema read, whose tables have the defaults."""
    read = dict(WATCHDOG.read({}, "", []) if item is None else item)
    page = read.pop("status_page") or {}
    changed = {"sites": read["sites"] or SITES.read({}, "", []), "alerts": tuple(read["alerts"])}
    return Watchdog(**{**read, **changed, "page": StatusPage(**{**page, "allow_from": tuple(page.get("allow_from", ()))})})
