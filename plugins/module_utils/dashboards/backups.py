# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups: how old the newest is that was proven, whether the last ones were good, and where they are."""

from __future__ import annotations

from ..alert_rules.names import BACKUP, WATCHDOG
from ..contracts.dashboards import BACKUPS
from .panel import BYTES, NUMBER, SECONDS, Bounds, Dashboard, Row, Variable, graph, number, states
from .promql import age
from .scope import Scope

_CHOSEN = 'stack=~"$stack"'


def dashboard(scope: Scope) -> Dashboard | None:
    """Where a stack is backed up."""
    if not scope.backups:
        return None
    oldest = max((stack.backup_max_age for stack in scope.stacks), default=0) or None
    away = f"max by (stack, target) ({BACKUP}target_away{{{_CHOSEN}}})"
    return Dashboard(
        BACKUPS,
        "Backups",
        "Backups of stacks: what could be restored now, from where, and how large it is.",
        # Known from the first minute on, also of a stack without a backup yet.
        (Variable("stack", "stack", f"{WATCHDOG}stack_state"),),
        (
            Row("Now", (
                number("Oldest proven backup", SECONDS, f"max({_age('restorable_timestamp_seconds')})", bounds=Bounds(None, oldest),
                       empty="none yet", about="Of each stack the newest that was restored and checked; of these the oldest."),
                number("Last backups that failed", NUMBER, _failed("success"), bounds=Bounds(None, 1), empty="none yet"),
                number("Last proofs that failed", NUMBER, _failed("proof_success"), bounds=Bounds(None, 1), empty="none yet"),
                number("Targets that are away", NUMBER, f"sum({BACKUP}target_away{{{_CHOSEN}}})", bounds=Bounds(None, 1),
                       empty="no target"),
            )),
            Row("Age", (
                graph("Proven", SECONDS, (_age("restorable_timestamp_seconds"), "{{stack}}"),
                      (_age("plan_restorable_timestamp_seconds"), "{{stack}} plan {{plan}}"),
                      bounds=Bounds(None, oldest), empty="none yet"),
                graph("Made", SECONDS, (_age("timestamp_seconds"), "{{stack}}"),
                      (_age("plan_timestamp_seconds"), "{{stack}} plan {{plan}}"), empty="none yet"),
                graph("In targets", SECONDS, (_age("target_timestamp_seconds", "target"), "{{stack}} {{target}}"), empty="none yet"),
                graph("Data of databases that would be lost", SECONDS,
                      (_age("target_wal_timestamp_seconds", "target"), "{{stack}} {{target}}"), empty="no database with WAL",
                      about="Since the newest WAL that a target has."),
            )),
            Row("Size and time", (
                graph("Size", BYTES, (f"max by (stack) ({BACKUP}size_bytes{{{_CHOSEN}}})", "{{stack}}"),
                      (f"max by (stack, plan) ({BACKUP}plan_size_bytes{{{_CHOSEN}}})", "{{stack}} plan {{plan}}"), empty="none yet",
                      about="As it is restored. One that shrinks suddenly lacks something."),
                graph("Added to the targets", BYTES, (f"max by (stack) ({BACKUP}added_bytes{{{_CHOSEN}}})", "{{stack}}"), empty="none yet"),
                graph("Took", SECONDS, (f"max by (stack) ({BACKUP}duration_seconds{{{_CHOSEN}}})", "{{stack}} backup"),
                      (f"max by (stack) ({BACKUP}proof_duration_seconds{{{_CHOSEN}}})", "{{stack}} proof"), empty="none yet"),
                states("Targets take what is written", (f"1 - {away}", "{{stack}} {{target}}"), width=12, empty="no target"),
            )),
        ),
        span="7d",
    )  # fmt: skip


def _failed(which: str) -> str:
    """How many were not good; 0 where all were, nothing where there is none."""
    known = f"{BACKUP}{which}{{{_CHOSEN}}}"
    return f"count({known} == 0) or 0 * count({known})"


def _age(moment: str, by: str = "") -> str:
    labels = "stack, plan" if moment.startswith("plan_") else f"stack, {by}" if by else "stack"
    return age(f"max by ({labels}) ({BACKUP}{moment}{{{_CHOSEN}}})")
