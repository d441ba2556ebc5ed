# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Maintenance windows of the watchdog: alerts that nobody is told, and that inhibit those about what is worked on."""

from __future__ import annotations

from collections.abc import Iterator

from ..slo.promql import selector
from .names import WATCH, WATCHDOG
from .rule import NONE, AlertRule

MAINTENANCE = "WatchdogMaintenance"
HOST = "host"  # the scope of a window of everything
_METRIC = f"{WATCHDOG}maintenance_end_timestamp_seconds"
_BY = "scope, instance"
# A host that is started again in its maintenance: what the watchdog said last counts until it is asked again.
_AWAY = "10m"
# What still fails at the end is told by the watchdog, after its second look: the alerts about it wait for that (alert_rules/incidents).
_AFTERWARDS = "90s"
_SUMMARY = "Maintenance of {{ $labels.scope }} on {{ $labels.instance }}"


def rules() -> Iterator[AlertRule]:
    """Windows of the host, of stacks, and of services; labels C(stack) and C(service) are those of the alerts that they silence."""
    stack, service = "[^/]+", "([^/]+)/(.+)"
    of_stack = _under_way(f'{{scope=~"{stack}",scope!="{HOST}"}}')
    of_service = _under_way(f'{{scope=~"{service}"}}')
    windows = (
        _under_way(selector({"scope": HOST})),
        f'label_replace({of_stack}, "stack", "$1", "scope", "(.+)")',
        f'label_replace(label_replace({of_service}, "stack", "$1", "scope", "{service}"), "service", "$2", "scope", "{service}")',
    )
    yield AlertRule(MAINTENANCE, " or ".join(windows), NONE, _SUMMARY)


def _under_way(chosen: str) -> str:
    """Windows that the watchdog has, or had a moment ago; while nobody can ask it, those whose end is still to come."""
    known, before = (f"max by ({_BY}) (last_over_time({_METRIC}{chosen}[{span}]))" for span in (_AFTERWARDS, _AWAY))
    return f'({known} > 0 or {before} > time() and on (instance) up{{job="{WATCH}"}} == 0)'
