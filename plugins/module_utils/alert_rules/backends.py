# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How either back end says that it is well itself. All other rules are the same for both.

Prometheus asks, keeps and evaluates in one process. Of VictoriaMetrics' three programs each may be gone by itself: a vmalert whose vmagent
is gone goes on evaluating rules over numbers that are not there, which looks like a quiet night. So what is always there for the dead
man's switch needs a number that has just come the whole way, and a vmagent without numbers is an alert by itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..contracts.monitoring import PROMETHEUS as ONE_PROCESS
from ..slo.promql import quoted
from .names import AGENT, ALERTMANAGER, PROMETHEUS, RULER, STORAGE, any_of


@dataclass(frozen=True)
class Backend:
    """Expressions of PromQL about a back end itself.

    :param failing: rules cannot be evaluated; label C(rule_group) says which.
    :param reloaded: of each job that reads files again, whether it has taken them.
    :param not_ready: one of its programs does not answer, or keeps nothing.
    :param undelivered: alerts that Alertmanager has not got, with its C(instance).
    :param always: something as long as numbers come and rules are evaluated.
    """

    failing: str
    reloaded: tuple[str, ...]
    not_ready: str
    undelivered: str
    always: str


def backend(name: str, host: str) -> Backend:
    """That of this name.

    :param host: label C(instance) of what it says about itself.
    """
    return _prometheus() if name == ONE_PROCESS else _victoriametrics(host)


def _prometheus() -> Backend:
    return Backend(
        failing="increase(prometheus_rule_evaluation_failures_total[5m]) > 0",
        reloaded=(_taken("prometheus", PROMETHEUS), _taken("alertmanager", ALERTMANAGER)),
        not_ready=f'up{{job="{PROMETHEUS}"}} == 0 or prometheus_ready{{job="{PROMETHEUS}"}} == 0',
        undelivered="increase(prometheus_notifications_dropped_total[10m]) > 0",
        always="vector(1)",
    )


def _victoriametrics(host: str) -> Backend:
    asked = f'up{{job="{AGENT}",instance={quoted(host)}}}'
    # Counted without the group by every version; by group the names differ.
    failing = f'label_replace(increase(vmalert_execution_errors_total{{job="{RULER}"}}[5m]) > 0, "rule_group", "rules", "", "")'
    refused = f'sum by (instance) (increase(vmalert_alerts_send_errors_total{{job="{RULER}"}}[10m])) > 0'
    return Backend(
        failing=failing,
        reloaded=(_taken("vmalert", RULER), _taken("alertmanager", ALERTMANAGER)),
        # Nobody but vmagent could say that vmagent is down, and nobody notes that a storage takes nothing: then there is nothing.
        not_ready=f"up{{{any_of('job', (STORAGE, RULER))}}} == 0 or absent({asked})",
        undelivered=f'label_replace({refused}, "integration", "Alertmanager", "", "")',
        # It leaves no mark of its end, and the last number of its own would do for five minutes. A scrape is a minute apart at most.
        always=f"max(max_over_time({asked}[2m])) == 1",
    )


def _taken(prefix: str, job: str) -> str:
    return f'{prefix}_config_last_reload_successful{{job="{job}"}}'
