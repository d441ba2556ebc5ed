# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logs: how much is collected and shipped, and whether anything is lost. What stands in them: C(opsctl logs --archive)."""

from __future__ import annotations

from ..alert_rules.names import NODE
from ..contracts.dashboards import LOGS
from .panel import BYTES, NUMBER, PER_SECOND, SHARE, Bounds, Dashboard, Row, Variable, graph, number, states
from .promql import increase, rate
from .scope import Scope

_ON = 'instance=~"$instance"'
_ALONE = "no log host"
_NO_SINK = "no sink"
_SINK = "latentum_ops_logs_sink_"


def dashboard(scope: Scope) -> Dashboard | None:
    """Where role log_shipping works, whose numbers node_exporter hands on."""
    if not (scope.settings.logs and scope.asks(NODE)):
        return None
    lost = Bounds(None, 1)
    return Dashboard(
        LOGS,
        "Logs",
        "Logs of containers, nginx, the journal and auditd, as role log_shipping collects and ships them.",
        (Variable("instance", "instance", "latentum_ops_logs_records_total", "Host"),),
        (
            Row("In the time that is shown", (
                number("Collected", NUMBER, increase("latentum_ops_logs_records_total", _ON), about="Records."),
                number("Times that something was missed", NUMBER, increase("latentum_ops_logs_gaps_total", _ON), bounds=lost,
                       about="A log was rotated away, or cut off, before it was read."),
                number("Passed over", NUMBER, increase("latentum_ops_logs_dropped_total", _ON), bounds=lost, empty=_ALONE,
                       about="Records beyond the queue for the log host."),
                number("Waiting", BYTES, f"sum(latentum_ops_logs_waiting_bytes{{{_ON}}})", empty=_ALONE),
            )),
            Row("Over time", (
                graph("Collected", PER_SECOND, (rate("latentum_ops_logs_records_total", _ON, "instance"), "{{instance}}")),
                graph("Confirmed by the log host", PER_SECOND, (rate("latentum_ops_logs_forwarded_total", _ON, "instance"), "{{instance}}"),
                      empty=_ALONE),
                graph("Waiting for the log host", BYTES, (f"latentum_ops_logs_waiting_bytes{{{_ON}}}", "{{instance}}"), empty=_ALONE),
                graph("Passed over", PER_SECOND, (rate("latentum_ops_logs_dropped_total", _ON, "instance"), "{{instance}}"), empty=_ALONE),
            )),
            Row("Sinks", (
                states("Who takes records", (f"{_SINK}up{{{_ON}}}", "{{instance}} {{sink}}"), empty=_NO_SINK),
                graph("Taken by sinks", PER_SECOND, (rate(f"{_SINK}accepted_total", _ON, "instance, sink"), "{{instance}} {{sink}}"),
                      empty=_NO_SINK),
                graph("Queue that is used", SHARE, (f"{_SINK}waiting_bytes{{{_ON}}} / ({_SINK}queue_bytes{{{_ON}}} > 0)",
                                                    "{{instance}} {{sink}}"), empty=_NO_SINK),
                graph("Passed over for sinks, or refused", PER_SECOND,
                      (rate(f"{_SINK}dropped_total", _ON, "instance, sink"), "{{instance}} {{sink}} passed over"),
                      (rate(f"{_SINK}rejected_total", _ON, "instance, sink"), "{{instance}} {{sink}} refused"), empty=_NO_SINK),
            )),
        ),
    )  # fmt: skip
