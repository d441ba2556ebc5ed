# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Databases: PostgreSQL, by the names of its exporter (postgres_exporter). A line of the table is a panel."""

from __future__ import annotations

from ..contracts.dashboards import DATABASES
from .panel import BYTES, NUMBER, PER_SECOND, SECONDS, SHARE, Bounds, Dashboard, Panel, Row, Variable, graph, states
from .promql import WINDOW
from .scope import POSTGRES, Scope

_ON = 'instance=~"$instance"'
_USER = f'{_ON},datname!~"template.*|"'
_WHICH = "{{instance}} {{stack}} {{service}} {{datname}}"


def dashboard(scope: Scope) -> Dashboard | None:
    """Where such an exporter is asked."""
    if not scope.asks(POSTGRES):
        return None
    return Dashboard(
        DATABASES,
        "Databases",
        "PostgreSQL: connections, transactions, what is read from disk, size, and how far replicas are behind.",
        (Variable("instance", "instance", "pg_up", "Host"),),
        (Row("PostgreSQL", (states("Answers", (f"pg_up{{{_ON}}}", "{{instance}} {{stack}} {{service}}"), height=4), *_panels())),),
    )


def _rate(metric: str) -> str:
    return f"rate({metric}{{{_USER}}}[{WINDOW}])"


def _panels() -> tuple[Panel, ...]:
    hit, read = _rate("pg_stat_database_blks_hit"), _rate("pg_stat_database_blks_read")
    used = f"sum by (instance) (pg_stat_database_numbackends{{{_ON}}}) / sum by (instance) (pg_settings_max_connections{{{_ON}}})"
    return tuple(
        graph(title, unit, (expression, legend), empty=empty, **more)
        for title, unit, expression, legend, empty, more in (
            ("Connections, of those that it takes", SHARE, used, "{{instance}}", "", {"most": 1, "bounds": Bounds(0.8, 0.9)}),
            ("Connections", NUMBER, f"pg_stat_database_numbackends{{{_USER}}}", _WHICH, "", {}),
            ("Transactions", PER_SECOND, _rate("pg_stat_database_xact_commit"), _WHICH, "", {}),
            ("Rolled back", PER_SECOND, _rate("pg_stat_database_xact_rollback"), _WHICH, "", {}),
            ("Found in memory", SHARE, f"{hit} / ({hit} + {read} > 0)", _WHICH, "nothing was asked for", {"most": 1}),
            ("Size", BYTES, f"pg_database_size_bytes{{{_USER}}}", _WHICH, "", {}),
            ("Longest transaction", SECONDS, f"pg_stat_activity_max_tx_duration{{{_USER}}}", f"{_WHICH} {{{{state}}}}", "none", {}),
            ("Locks", NUMBER, f"pg_locks_count{{{_USER}}} > 0", f"{_WHICH} {{{{mode}}}}", "none", {}),
            ("Deadlocks", NUMBER, f"increase(pg_stat_database_deadlocks{{{_USER}}}[1h])", _WHICH, "", {"bounds": Bounds(None, 1)}),
            ("Replica is behind by", SECONDS, f"pg_replication_lag_seconds{{{_ON}}} or pg_replication_lag{{{_ON}}}",
             "{{instance}} {{service}}", "no replica", {}),
        )
    )  # fmt: skip
