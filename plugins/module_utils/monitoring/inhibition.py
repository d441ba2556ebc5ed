# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which alert silences which: one fault is one message.

An alert inhibits only while it fires itself, so nothing is lost: what is left once it has ended is told then. A label that both do not
have counts as equal, so each rule says which ones have it.
"""

from __future__ import annotations

from typing import Any

from ..alert_rules.incidents import INCIDENT
from ..alert_rules.maintenance import HOST, MAINTENANCE
from ..alert_rules.monitoring import ALWAYS, GONE, SILENT
from ..alert_rules.names import CONTAINERS, REQUESTS
from ..alert_rules.requests import ERRORS, LATENCY
from ..alert_rules.services import DOWN
from ..slo.alerts import FAST, NO_DATA, SLOW, SPENT
from .matchers import equal, not_one_of, one_of, present

# What tells two series of one alert apart.
_SAME = ["alertname", "stack", "service", "route", "domain", "plan", "instance", "mountpoint"]
_SYMPTOMS = (ERRORS, LATENCY)


def inhibit_rules() -> list[dict[str, Any]]:
    """All of them, as Alertmanager has them."""
    told = not_one_of("alertname", (INCIDENT, MAINTENANCE, ALWAYS))
    incident = equal("alertname", INCIDENT)
    critical, warning = equal("severity", "critical"), equal("severity", "warning")
    rules = [
        _rule([critical, told], [warning, told], _SAME),
        # An objective that burns fast burns slowly, too, and its requests fail.
        _rule([equal("alertname", FAST)], [one_of("alertname", (SLOW, SPENT))], ["stack", "slo"]),
        _rule([equal("alertname", FAST), present("service")], [one_of("alertname", _SYMPTOMS)], ["stack", "service"]),
        # What is down answers with errors, and burns a budget.
        _rule([equal("alertname", DOWN)], [one_of("alertname", (*_SYMPTOMS, FAST, SLOW, SPENT))], ["stack", "service"]),
        # Nobody measures: then there is no data. The watchdog measures containers, too.
        _rule([equal("alertname", GONE), equal("job", REQUESTS)], [equal("alertname", NO_DATA)], []),
        _rule([equal("alertname", SILENT)], [equal("alertname", NO_DATA)], []),
        _rule([equal("alertname", SILENT)], [equal("alertname", GONE), equal("job", CONTAINERS)], ["instance"]),
    ]
    # The watchdog has told of it. What it only warns of silences no page.
    for bad, what in ((critical, told), (warning, warning)):
        rules.append(_rule([incident, bad, present("service")], [told, what, present("service")], ["stack", "service"]))
        rules.append(_rule([incident, bad, present("subject")], [told, what, present("subject")], ["instance", "subject"]))
    return [*rules, *_of_maintenance(told)]


def _of_maintenance(told: str) -> list[dict[str, Any]]:
    """What is worked on is told by nobody: all of the host, of a stack, of a service. A host's dead man's switch goes on."""
    window = equal("alertname", MAINTENANCE)
    return [
        _rule([window, equal("scope", HOST)], [told, present("instance")], ["instance"]),
        # An objective is of no instance, and this Alertmanager that of one host.
        _rule([window, equal("scope", HOST)], [told, equal("instance", "")], []),
        _rule([window, present("stack"), equal("service", "")], [told, present("stack")], ["stack"]),
        _rule([window, present("service")], [told, present("service")], ["stack", "service"]),
    ]


def _rule(source: list[str], target: list[str], same: list[str]) -> dict[str, Any]:
    return {"source_matchers": source, "target_matchers": list(dict.fromkeys(target)), "equal": same}
