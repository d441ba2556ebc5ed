# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Configuration of Alertmanager: who is told what, from C(watchdog.alerts) of all stacks of a host."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..alert_rules.incidents import INCIDENT
from ..alert_rules.maintenance import MAINTENANCE
from ..alert_rules.monitoring import ALWAYS
from ..compose.yaml_writer import dump
from ..contracts.monitoring import MonitoredStack, MonitoringSettings
from ..contracts.watchdog_settings import Alert, DeadmanSpec
from ..slo.promql import duration
from . import receivers
from .inhibition import inhibit_rules
from .matchers import equal, not_one_of, one_of
from .receivers import CannotTell, Credential

_HEAD = "# Alertmanager, by latentum.ops; do not edit. Role monitoring writes it.\n"
NOBODY = "nobody"
# One message for all that is wrong with a service; alerts about something else have a subject of their own.
_OF_STACK, _OF_HOST = ["stack", "service", "subject"], ["instance", "subject", "alertname"]


@dataclass(frozen=True)
class Alerting:
    """What comes of it.

    :param text: content of alertmanager.yml.
    :param credentials: secrets that Alertmanager reads.
    :param untold: a sentence for each entry of C(watchdog.alerts) that Alertmanager cannot tell by.
    :param silent: stacks that have entries, and none that it can tell by.
    """

    text: str
    credentials: tuple[Credential, ...]
    untold: tuple[str, ...]
    silent: tuple[str, ...]


def alerting(stacks: Sequence[MonitoredStack], settings: MonitoringSettings) -> Alerting:
    """The configuration for these stacks."""
    made: list[dict[str, Any]] = [{"name": NOBODY}]
    secrets: list[Credential] = []
    untold, silent = [], []
    ways: list[tuple[MonitoredStack, Alert]] = []
    for stack in stacks:
        for alert in stack.alerts:
            try:
                receiver, files = receivers.receiver(stack.stack, alert, settings.lacks)
            except CannotTell as reason:
                untold.append(f"{stack.stack}: watchdog.alerts.{alert.name}: {reason}")
                continue
            made.append(receiver)
            secrets += files
            ways.append((stack, alert))
        if stack.alerts and not any(owner is stack for owner, _alert in ways):
            silent.append(stack.stack)
    switches = [(stack.stack, stack.deadman) for stack in stacks if stack.deadman]
    for name, spec in switches:
        receiver, secret = receivers.deadman(name, spec, settings.lacks)
        made.append(receiver)
        secrets.append(secret)
    document = {
        "route": {
            "receiver": NOBODY,
            "group_by": list(_OF_STACK),
            "group_wait": duration(settings.group_wait),
            "group_interval": duration(settings.group_interval),
            "routes": [*(_always(name, spec) for name, spec in switches), *_told_by_nobody(), *_routes(ways, settings)],
        },
        "inhibit_rules": inhibit_rules(),
        "receivers": made,
    }
    return Alerting(_HEAD + dump(document), tuple(dict.fromkeys(secrets)), tuple(untold), tuple(silent))


def _always(stack: str, spec: DeadmanSpec) -> dict[str, Any]:
    """A call each interval. Alertmanager looks once an interval whether it is time; a look a moment early would wait for the next one."""
    every = max(10, int(spec.interval))
    return {
        "receiver": receivers.deadman_name(stack),
        "matchers": [equal("alertname", ALWAYS)],
        "group_by": ["alertname"],
        "group_wait": "0s",
        "group_interval": duration(every),
        "repeat_interval": duration(every - max(1, every // 10)),
        "continue": True,
    }


def _told_by_nobody() -> list[dict[str, Any]]:
    """What only proves or inhibits ends here."""
    return [{"receiver": NOBODY, "matchers": [one_of("alertname", (ALWAYS, INCIDENT, MAINTENANCE))]}]


def _routes(ways: Sequence[tuple[MonitoredStack, Alert]], settings: MonitoringSettings) -> list[dict[str, Any]]:
    """Alerts of a stack go its ways; those of a host those of all its stacks, each destination once."""
    routes = [_route(stack.stack, alert, [equal("stack", stack.stack)], _OF_STACK) for stack, alert in ways]
    destinations: dict[str, tuple[set[str], MonitoredStack, Alert]] = {}
    for stack, alert in ways:
        # Secrets have a name here and no value: two stacks that tell one chat by secrets of their own are told apart.
        where = json.dumps(
            [alert.kind, {name: alert.options.get(name) for name in ("server", "port", "to", "url", "url_file", "key_file")}]
        )
        destinations.setdefault(where, (set(), stack, alert))[0].update(_hosts(stack, settings))
    for hosts, stack, alert in destinations.values():
        # A host that has no stack tells everybody: whoever has another one is left out.
        others = sorted({host for each, _alert in ways for host in _hosts(each, settings)} - hosts)
        routes.append(_route(stack.stack, alert, [equal("stack", ""), *([not_one_of("instance", others)] if others else [])], _OF_HOST))
    return routes


def _hosts(stack: MonitoredStack, settings: MonitoringSettings) -> set[str]:
    """Where a stack is, as label C(instance) says it."""
    return {host or settings.host for host in settings.places.get(stack.stack, ("",))}


def _route(stack: str, alert: Alert, matchers: list[str], group: list[str]) -> dict[str, Any]:
    return {
        "receiver": receivers.name_of(stack, alert),
        "matchers": [*matchers, one_of("severity", alert.severities)],
        "group_by": list(group),
        "repeat_interval": duration(alert.reminder),
        "continue": True,
    }
