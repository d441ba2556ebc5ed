# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verb of opsctl for objectives: what was measured of them, and what is left of their error budgets."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..contracts.error_budget import SloSettings
from ..core.format import folded
from ..slo import settings as slo_settings
from ..slo.budget import BudgetState, strictest
from ..slo.measured import Measured, measure, unmeasured
from ..slo.picture import Mark, report
from ..slo.source import Source, SourceError
from ..slo.table import as_data, table
from ..status import budget_marks
from . import stack_choice, watchdog
from .arguments import shared
from .output import Output

SPENT, UNKNOWN = 1, 3  # exit status


def add_parsers(verbs: Any) -> None:
    """The command line of this verb."""
    slo = verbs.add_parser("slo", parents=[shared(stack="only of this stack; all when none is named or stood in")])
    slo.add_argument("--svg", default="", metavar="FILE", help="also a picture of each budget over its window, with releases and incidents")


def run_verb(options: argparse.Namespace, output: Output) -> int:
    """Ask the Prometheus of each stack, and say what it has."""
    now, entries, silent, asked = time.time(), [], [], False
    names = stack_choice.selected(options.stack)
    for settings in filter(None, map(slo_settings.load, names)):
        try:
            entries += _measured(settings, now, history=bool(options.svg))
            asked = True
        except SourceError as error:
            entries += [unmeasured(objective, settings.policy, now) for objective in settings.objectives]
            silent.append(f"{settings.stack}: {error}")
    missing = [entry.objective for entry in entries if entry.budget.remaining is None] if asked else []
    silent += [f"{objective.stack}: nothing is measured of {objective.name}: docs/runbooks/slo-no-data.md" for objective in missing]
    if options.svg:
        marks = [mark for name in names for mark in [*budget_marks.releases(name), *_incidents(name)]]
        Path(options.svg).write_text(report(entries, now, marks))
    state = strictest(entry.state for entry in entries)
    data = {"at": now, "state": state.value, "objectives": [as_data(entry) for entry in entries], "unknown": silent}
    output.result(data, folded("\n".join([*table(entries, measured=asked), *silent])))
    return SPENT if state is BudgetState.REFUSE else UNKNOWN if silent else 0


def _measured(settings: SloSettings, now: float, *, history: bool) -> list[Measured]:
    """What is known of the objectives of a stack.

    :raises SourceError: nothing is; why.
    """
    if not settings.prometheus:
        raise SourceError("no Prometheus is named (ops_stack.monitoring.prometheus), so nobody knows what was measured")
    source = Source(settings.prometheus, settings.policy.timeout)
    return measure(settings.objectives, source, now, settings.policy, history=history)


def _incidents(stack: str) -> Iterator[Mark]:
    published = watchdog.of_stacks(watchdog.published() or {"stacks": []}, [stack])
    yield from budget_marks.incidents(stack, [*published["incidents"], *published["history"]])
