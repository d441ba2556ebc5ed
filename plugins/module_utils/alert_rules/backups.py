# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups of which none that was restored and checked is young enough: what is lost is more than the declaration allows."""

from __future__ import annotations

from collections.abc import Iterator

from ..contracts.monitoring import MonitoredStack
from ..core.units import spell_duration
from ..slo.promql import duration, number, selector
from .names import BACKUP, WATCH
from .rule import CRITICAL, AlertRule

OLD = "BackupTooOld"


def rules(stack: MonitoredStack) -> Iterator[AlertRule]:
    """The rules of the stack, or those of each of its plans."""
    if not stack.backup_max_age:
        return
    if not stack.backup_plans:
        yield from _of(f"{BACKUP}restorable_timestamp_seconds", {"stack": stack.stack}, stack.backup_max_age)
    for plan, age in stack.backup_plans.items():
        yield from _of(f"{BACKUP}plan_restorable_timestamp_seconds", {"stack": stack.stack, "plan": plan}, age)


def _of(metric: str, about: dict[str, str], age: float) -> Iterator[AlertRule]:
    """Too old; or none at all for the same time, as the first one of a new stack is not late yet."""
    chosen = f"{metric}{selector(about)}"
    yield _rule(f"time() - max by (instance) ({chosen}) > {number(age)}", {**about, "backup": "late"}, age, "10m")
    yield _rule(f'absent({chosen}) and on () max(up{{job="{WATCH}"}}) == 1', {**about, "backup": "missing"}, age, duration(age))


def _rule(expression: str, about: dict[str, str], age: float, patience: str) -> AlertRule:
    stack, plan = about["stack"], f" plan {about['plan']}" if "plan" in about else ""
    return AlertRule(
        OLD,
        expression,
        CRITICAL,
        f"{stack}: no backup{' of' + plan if plan else ''} that was restored and checked is younger than {spell_duration(age)}",
        "A host that is lost now loses more data than the declaration allows.",
        patience,
        {**about, "subject": f"backup {stack}{plan}"},
    )
