# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes of alerts: those of all stacks on this host, and which of them a notice takes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...contracts.watchdog_settings import Alert
from ..credentials import path_of

CONFIG = Path("/etc/latentum-ops/watchdog")
HOST = "host.json"  # the host's own settings, beside the stacks'
DESTINATION = ("kind", "server", "port", "url", "url_file", "key_file", "to")
Deliveries = Mapping[str, Collection[tuple[str, float]]]  # by route, what it was told of one incident and when


@dataclass(frozen=True)
class Route:
    """One way to tell people.

    :param key: stack and name, unique on the host: ``latentum/mail``.
    :param severities: of incidents that it wants.
    :param reminder: seconds after which it is told again of what is still open; 0 for never.
    :param burst: messages that may go out at once; per so many seconds in the long run.
    :param options: what its kind needs, such as server or url_file.
    :param deployments: none, failure or success: of which it wants to hear.
    """

    key: str
    stack: str
    name: str
    kind: str
    severities: tuple[str, ...]
    reminder: float
    burst: int
    per: float
    options: Mapping[str, Any] = field(default_factory=dict)
    deployments: str = "none"

    def wants(self, notice: Mapping[str, Any]) -> bool:
        """Whether it asked for this: its severity, and of deployments also that they are told at all."""
        severity = str(notice["incident"]["severity"])
        if notice["what"] == "deployment" and (self.deployments == "none" or (self.deployments == "failure" and severity == "info")):
            return False
        return severity in self.severities

    @property
    def destination(self) -> str:
        """The same for two routes that reach the same people by the same way."""
        return json.dumps([self.kind if name == "kind" else _plain(name, self.options.get(name)) for name in DESTINATION])


@dataclass(frozen=True)
class Alerts:
    """The routes of this host by key, and why the file of a stack could not be read."""

    routes: dict[str, Route] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)


def _plain(name: str, value: Any) -> Any:
    """What tells two destinations apart: of a secret, a hash of its content, since two stacks may each have a copy."""
    if not name.endswith("_file") or not value:
        return value
    try:
        return hashlib.sha256(path_of(str(value)).read_bytes().strip()).hexdigest()
    except OSError:
        return value


def route_from(stack: str, raw: Mapping[str, Any]) -> Route:
    """A route from one entry of `alerts` in the file of a stack.

    :raises ContractError: it is not what the filter writes.
    """
    alert = Alert.from_dict(raw, "alerts", tolerant=True)
    return Route(
        key=f"{stack}/{alert.name}",
        stack=stack,
        name=alert.name,
        kind=alert.kind,
        severities=alert.severities,
        reminder=alert.reminder,
        burst=max(1, alert.burst),
        per=alert.per,
        options=alert.options,
        deployments=alert.deployments,
    )


def alerts_from(configs: Iterable[Mapping[str, Any]]) -> Alerts:
    """The routes of stacks whose files are read already."""
    return Alerts({route.key: route for config in configs for route in _routes(config)})


def load_alerts(folder: Path = CONFIG) -> Alerts:
    """The routes of all stacks; a file that cannot be read takes nothing from the others."""
    alerts = Alerts()
    for path in sorted(folder.glob("*.json")):
        if path.name == HOST:
            continue
        try:
            alerts.routes.update({route.key: route for route in _routes(json.loads(path.read_bytes()))})
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            alerts.broken[path.stem] = f"{path} cannot be read ({type(error).__name__}): run the playbook again"
    return alerts


def _routes(config: Mapping[str, Any]) -> list[Route]:
    return [route_from(str(config["stack"]), raw) for raw in config.get("alerts") or []]


def routes_for(notice: Mapping[str, Any], routes: Mapping[str, Route], delivered: Deliveries | None = None) -> list[str]:
    """The keys of the routes that get this notice.

    A test goes to every route of its stack (of the host: to all). An end goes to those that were told of the incident. Anything else
    goes to the routes that want its severity (of a deployment: to those of them that asked for it), and to those that were told earlier,
    so that nobody hears only half of a story. One destination that several routes name (two stacks that mail the same people) is told
    once, by the route that told it before.

    :param delivered: what `Spool.deliveries` has of this incident.
    """
    incident = notice["incident"]
    stack = str(incident["stack"])
    mine = [route for route in routes.values() if not stack or route.stack == stack]
    if notice["what"] == "test":
        return [route.key for route in mine]
    before = [route for route in routes.values() if route.key in (delivered or {})]
    wanting = [] if notice["what"] == "end" else [route for route in mine if route.wants(notice)]
    chosen: dict[str, str] = {}
    for route in [*before, *wanting]:
        chosen.setdefault(route.destination, route.key)
    return sorted(chosen.values())


def reminders_for(incident: Mapping[str, Any], routes: Mapping[str, Route], delivered: Deliveries, now: float) -> list[str]:
    """The keys of the routes that want to hear now that this incident is still open: their `reminder` has passed since they were told."""
    due = []
    for key, notices in delivered.items():
        route, last = routes.get(key), max((at for _what, at in notices), default=0.0)
        if route and route.reminder and now - last >= route.reminder and incident.get("ended") is None:
            due.append(key)
    return sorted(due)
