# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Caches: Redis and what speaks as it does, by the names of its exporter (redis_exporter). A line of the table is a panel."""

from __future__ import annotations

from ..contracts.dashboards import CACHES
from .panel import BYTES, BYTES_PER_SECOND, NUMBER, PER_SECOND, SHARE, Bounds, Dashboard, Panel, Row, Variable, graph, states
from .promql import WINDOW
from .scope import REDIS, Scope

_ON = 'instance=~"$instance"'
_WHICH = "{{instance}} {{stack}} {{service}}"


def dashboard(scope: Scope) -> Dashboard | None:
    """Where such an exporter is asked."""
    if not scope.asks(REDIS):
        return None
    return Dashboard(
        CACHES,
        "Caches",
        "Redis: memory, clients, commands, hits, and keys that were thrown away for lack of room.",
        (Variable("instance", "instance", "redis_up", "Host"),),
        (Row("Redis", (states("Answers", (f"redis_up{{{_ON}}}", _WHICH), height=4), *_panels())),),
    )


def _rate(metric: str) -> str:
    return f"rate({metric}{{{_ON}}}[{WINDOW}])"


def _panels() -> tuple[Panel, ...]:
    hits, misses = _rate("redis_keyspace_hits_total"), _rate("redis_keyspace_misses_total")
    memory = f"redis_memory_used_bytes{{{_ON}}}"
    return tuple(
        graph(title, unit, (expression, legend), empty=empty, **more)
        for title, unit, expression, legend, empty, more in (
            ("Memory", BYTES, memory, _WHICH, "", {}),
            ("Memory, of its limit", SHARE, f"{memory} / (redis_memory_max_bytes{{{_ON}}} > 0)", _WHICH, "no limit",
             {"bounds": Bounds(0.8, 0.9)}),
            ("Clients", NUMBER, f"redis_connected_clients{{{_ON}}}", _WHICH, "", {}),
            ("Clients that wait", NUMBER, f"redis_blocked_clients{{{_ON}}}", _WHICH, "", {}),
            ("Commands", PER_SECOND, _rate("redis_commands_processed_total"), _WHICH, "", {}),
            ("Hits", SHARE, f"{hits} / ({hits} + {misses} > 0)", _WHICH, "nothing was asked for", {"most": 1}),
            ("Thrown away for lack of room", PER_SECOND, _rate("redis_evicted_keys_total"), _WHICH, "", {}),
            ("Expired", PER_SECOND, _rate("redis_expired_keys_total"), _WHICH, "", {}),
            ("Keys", NUMBER, f"redis_db_keys{{{_ON}}}", f"{_WHICH} {{{{db}}}}", "", {}),
            ("Received", BYTES_PER_SECOND, _rate("redis_net_input_bytes_total"), _WHICH, "", {}),
            ("Sent", BYTES_PER_SECOND, _rate("redis_net_output_bytes_total"), _WHICH, "", {}),
            ("Refused connections", PER_SECOND, _rate("redis_rejected_connections_total"), _WHICH, "", {"bounds": Bounds(None, 1)}),
        )
    )  # fmt: skip
