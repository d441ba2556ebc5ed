# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What measures and tells is itself well: a rule that says nothing because nobody evaluates it looks like a quiet night."""

from __future__ import annotations

from collections.abc import Iterator

from .backends import Backend
from .names import ALERTMANAGER, EXPORTERS, WATCH, WATCHDOG, any_of
from .rule import CRITICAL, NONE, WARNING, AlertRule

GONE, SILENT, RULES, RELOAD = "ExporterGone", "WatchdogSilent", "RuleEvaluationFailing", "ConfigReloadFailed"
NOT_READY, NO_ALERTMANAGER, UNDELIVERED = "PrometheusNotReady", "AlertmanagerNotReady", "AlertsNotDelivered"
ALWAYS = "Watchdog"
_STALE = 120  # seconds; the watchdog writes its status each few seconds
_WHERE = "{{ $labels.instance }}"


def rules(backend: Backend) -> Iterator[AlertRule]:
    """The alerts about Prometheus or what is in its place, Alertmanager, the exporters and the watchdog."""
    gone = f"up{{{any_of('job', EXPORTERS)}}} == 0"
    yield _rule(GONE, gone, WARNING, "5m", f"Nobody answers for {{{{ $labels.job }}}} on {_WHERE}", "All alerts that need it are blind.")
    silent = f'up{{job="{WATCH}"}} == 0 or time() - {WATCHDOG}status_timestamp_seconds > {_STALE}'
    about = "Nothing is healed, and what it would have told is told by nobody."
    yield _rule(SILENT, silent, CRITICAL, "2m", f"The watchdog of {_WHERE} says nothing any more", about)
    about = "An alert in it cannot fire."
    yield _rule(
        RULES, backend.failing, CRITICAL, "", f"{{{{ $labels.job }}}} on {_WHERE} cannot evaluate {{{{ $labels.rule_group }}}}", about
    )
    refused = " or ".join(f"{reloaded} == 0" for reloaded in backend.reloaded)
    about = "It goes on with the one before; the next start fails."
    yield _rule(RELOAD, refused, WARNING, "1m", f"{{{{ $labels.job }}}} on {_WHERE} has refused its configuration", about)
    about = "It answers no question, or keeps no numbers."
    yield _rule(NOT_READY, backend.not_ready, CRITICAL, "5m", f"{{{{ $labels.job }}}} on {_WHERE} is not ready", about)
    nobody = f'up{{job="{ALERTMANAGER}"}} == 0'
    about = "Alerts reach nobody; Prometheus sends those that still hold once it is back."
    yield _rule(NO_ALERTMANAGER, nobody, CRITICAL, "2m", f"Alertmanager on {_WHERE} does not answer", about)
    undelivered = f"sum by (instance, integration) (increase(alertmanager_notifications_failed_total[10m])) > 0 or {backend.undelivered}"
    about = "The receiver refuses, or is not reached; another one tells you this."
    yield _rule(UNDELIVERED, undelivered, WARNING, "5m", f"Alerts of {_WHERE} do not arrive {{{{ $labels.integration }}}}", about)
    yield AlertRule(ALWAYS, backend.always, NONE, "Prometheus evaluates, and Alertmanager tells", "Always there: whoever misses it knows.")


def _rule(name: str, expression: str, severity: str, patience: str, summary: str, description: str) -> AlertRule:
    return AlertRule(name, expression, severity, summary, description, patience)
