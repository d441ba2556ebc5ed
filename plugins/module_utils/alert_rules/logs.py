# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logs that do not arrive: a sink that takes nothing, a queue that fills, records that were passed over. The tree on the host has them."""

from __future__ import annotations

from collections.abc import Iterator

from .rule import CRITICAL, WARNING, AlertRule

SINK, FILLING, DROPPED = "LogSinkDown", "LogQueueFilling", "LogsDropped"
LOG_HOST, TREE = "the log host", "this host"  # as label C(sink) names what is no declared sink
_FULL = 0.7
_STALE = 600  # seconds; numbers are written every 15
_LOGS = "latentum_ops_logs_"
_FILE = ".*latentum_ops_logs_sink_(.+)[.]prom"
_TO, _WHERE = "{{ $labels.sink }}", "{{ $labels.instance }}"


def rules() -> Iterator[AlertRule]:
    """C(sink) says where the records do not arrive."""
    # A service that is gone leaves its last numbers, which may be good ones.
    silent = f'label_replace(time() - node_textfile_mtime_seconds{{file=~"{_FILE}"}} > {_STALE}, "sink", "$1", "file", "{_FILE}")'
    host = _named(f"{_LOGS}waiting_bytes > 0 and increase({_LOGS}forwarded_total[15m]) == 0", LOG_HOST)
    about = "What waits is kept in the tree, up to the queue; the oldest goes beyond it."
    yield _rule(SINK, f"{_LOGS}sink_up == 0 or {silent} or {host}", WARNING, "15m", f"{_TO} takes no logs of {_WHERE}", about)
    share = "{waiting} / ({queue} > 0) > " + f"{_FULL:g}"
    sinks = share.format(waiting=f"{_LOGS}sink_waiting_bytes", queue=f"{_LOGS}sink_queue_bytes")
    host = _named(share.format(waiting=f"{_LOGS}waiting_bytes", queue=f"{_LOGS}queue_bytes"), LOG_HOST)
    about = "Beyond the queue the oldest records are passed over."
    percent = "{{ $value | humanizePercentage }}"
    yield _rule(FILLING, f"{sinks} or {host}", WARNING, "10m", f"{percent} of the queue of {_WHERE} for {_TO} is used", about)
    passed = [f"increase({_LOGS}sink_{kind}_total[15m]) > 0" for kind in ("dropped", "rejected")]
    lost = " or ".join(
        [f"sum by (instance, sink) ({passed[0]} or {passed[1]})", _named(f"increase({_LOGS}dropped_total[15m]) > 0", LOG_HOST)]
    )
    about = "They are in the tree of the host, and nowhere else."
    yield _rule(DROPPED, lost, WARNING, "", f"Records of {_WHERE} were passed over for {_TO}, or refused there", about)
    missed = _named(f"increase({_LOGS}gaps_total[15m]) > 0", TREE)
    about = "It was rotated away, or cut off, before it was read: nobody has these lines any more."
    yield _rule(DROPPED, missed, CRITICAL, "", f"A log of {_WHERE} was not read to its end", about)


def _named(expression: str, sink: str) -> str:
    return f'label_replace({expression}, "sink", "{sink}", "", "")'


def _rule(name: str, expression: str, severity: str, patience: str, summary: str, description: str) -> AlertRule:
    return AlertRule(name, expression, severity, summary, description, patience, {"subject": "logs"})
