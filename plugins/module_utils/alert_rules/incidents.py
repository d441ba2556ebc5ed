# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Incidents that the watchdog has told already: alerts that nobody is told, and that inhibit those about the same service or subject."""

from __future__ import annotations

from collections.abc import Iterator

from ..contracts.monitoring import MonitoredStack
from ..slo.promql import selector
from .names import WATCHDOG
from .rule import CRITICAL, NONE, AlertRule

INCIDENT = "WatchdogIncident"
_METRIC = f"{WATCHDOG}incident_open"
_BY = "stack, service, subject, severity, instance"
_SUMMARY = "The watchdog has told of {{ $labels.subject }}"


def rules() -> Iterator[AlertRule]:
    """All that are open, C(severity) is the incident's; and services that fail because of another one, or of the host."""
    yield AlertRule(INCIDENT, f"max by ({_BY}) ({_METRIC}) == 1", NONE, _SUMMARY)
    affected = f'max by (stack, service, instance) ({WATCHDOG}service_state{{state="affected"}}) == 1'
    about = "The watchdog has told of what {{ $labels.service }} fails because of"
    yield AlertRule(INCIDENT, affected, NONE, about, labels={"severity": CRITICAL, "subject": "affected"})


def of_sites(stack: MonitoredStack) -> Iterator[AlertRule]:
    """An incident of a site is also one of the services behind it."""
    for site in stack.sites:
        for service in site.services:
            chosen = selector({"stack": stack.stack, "subject": f"site:{site.domain}"})
            expression = f"max by (stack, subject, severity, instance) ({_METRIC}{chosen}) == 1"
            yield AlertRule(INCIDENT, expression, NONE, _SUMMARY, labels={"service": service, "domain": site.domain})
