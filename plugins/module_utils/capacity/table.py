# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from ..core import format as layout
from ..core.format import size
from . import words
from .report import BYTES, COUNT, Report


def table(report: Report) -> list[str]:
    """Lines for people."""
    return [
        f"{report.host}, {words.month(report.start, report.end)}",
        *_resources(report),
        *_services(report),
        *_cost(report),
        *_notes(report),
    ]


def together_rows(reports: Sequence[Report]) -> list[list[str]]:
    """What each stack costs on all hosts, by currency; nothing of one host alone."""
    sums: dict[tuple[str, str], Decimal] = {}
    priced = [report.cost for report in reports if report.cost]
    for cost in priced if len(priced) > 1 else ():
        for row in cost.rows:
            key = (cost.currency, row.name)
            sums[key] = sums.get(key, Decimal(0)) + Decimal(row.amount)
    return [[name, f"{amount} {currency}"] for (currency, name), amount in sorted(sums.items())]


def together(reports: Sequence[Report]) -> list[str]:
    """The same as lines."""
    rows = together_rows(reports)
    return list(_block(TOGETHER, rows)) if rows else []


def _block(heading: str, rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield ""
    yield heading
    yield from (f"  {line}" for line in layout.columns(rows))


def resource_rows(report: Report) -> list[list[str]]:
    """What is full first comes first."""
    ordered = sorted(report.resources, key=words.moment_of)
    return [[f"{one.kind} {one.name}", words.used(one), words.change(one), words.outlook(one, report.end), one.reason] for one in ordered]


RESOURCES = ["what", "used", "changes by", "outlook", "about it"]
LIMITS = ["service", "of", "limit", "p99", "peak", "advice"]
TOGETHER = "Cost a month, all hosts"
COST = ["stack", "processors", "memory", "a month"]


def limit_rows(report: Report) -> list[list[str]]:
    """Two lines a service."""
    rows = []
    for one in report.services:
        held = f", held back {words.percent(one.throttled)}" if one.throttled else ""
        limit = "none" if one.memory_limit is None else size(int(one.memory_limit))
        memory = [size(int(one.memory_p99)), size(int(one.memory_peak)), words.advice(one.memory, BYTES)]
        rows.append([words.name(one), "memory", limit, *memory])
        cpu = [words.processors(one.cpu_p99), words.processors(one.cpu_peak) + held, words.advice(one.cpu, COUNT)]
        rows.append([words.name(one), "processors", words.processors(one.cpu_limit), *cpu])
    return rows


def idle_rows(report: Report) -> list[list[str]]:
    """Services that seem to do nothing."""
    return [[words.name(one), one.idle] for one in report.services if one.idle]


def cost_rows(report: Report) -> list[list[str]]:
    """Stacks, and what they add up to."""
    if report.cost is None:
        return []
    rows = [
        [row.name, words.percent(row.cpu), words.percent(row.memory), f"{row.amount} {report.cost.currency}"] for row in report.cost.rows
    ]
    return [*rows, ["together", "", "", f"{report.cost.total} {report.cost.currency}"]]


def _resources(report: Report) -> Iterator[str]:
    """The reasons are too long for a column of a terminal."""
    rows = resource_rows(report)
    if not rows:
        yield from ("", "Nothing that can be full is measured.")
        return
    yield from _block("When it is full", [row[:-1] for row in [RESOURCES, *rows]])
    yield from (f"  {row[0]}: {row[-1]}" for row in rows if row[-1])


def _services(report: Report) -> Iterator[str]:
    if report.services:
        rows = [[*row[:-1], row[-1].partition(": ")[0]] for row in limit_rows(report)]
        yield from _block("Limits against use", [LIMITS, *rows])
        for one in report.services:
            yield from (f"  {words.name(one)} {of}: {it.reason}" for of, it in (("memory", one.memory), ("cpu", one.cpu)) if it.reason)
    if rows := idle_rows(report):
        yield from _block("Idle? Only you know what they wait for", rows)


def _cost(report: Report) -> Iterator[str]:
    if report.cost:
        yield from _block(f"Cost a month, divided by {report.cost.by}", [COST, *cost_rows(report)])


def _notes(report: Report) -> Iterator[str]:
    yield from ["", *(f"Note: {note}." for note in report.notes)] if report.notes else ()
