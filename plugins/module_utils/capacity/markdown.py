# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report as Markdown, of one host or of several, with links to its pictures."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from . import words
from .picture import pictures
from .report import Report
from .table import COST, LIMITS, RESOURCES, TOGETHER, cost_rows, idle_rows, limit_rows, resource_rows, together_rows

_SPECIAL = re.compile(r"([\\`*_\[\]<>|#])")


def markdown(reports: Sequence[Report], unknown: Sequence[str] = (), link: Callable[[str, str], str] | None = None) -> str:
    """The whole document.

    :param unknown: hosts without a report, each with the reason.
    :param link: the address of a picture, by its host and name; without one there are no pictures.
    """
    lines = ["# Capacity and cost", ""]
    lines += [f"- {_plain(line)}" for line in unknown]
    for report in reports:
        lines += ["", *_host(report, link)]
    if rows := together_rows(reports):
        lines += ["", f"## {TOGETHER}", "", _row(["stack", "a month"]), _row(["---"] * 2), *map(_row_of_text, rows)]
    return "\n".join(lines).strip() + "\n"


def _host(report: Report, link: Callable[[str, str], str] | None) -> Iterator[str]:
    yield f"## {_plain(report.host)}, {words.month(report.start, report.end)}"
    for heading, head, rows in (
        ("When it is full", RESOURCES, resource_rows(report)),
        ("Limits against use", LIMITS, limit_rows(report)),
        ("Idle? Only you know what they wait for", ["service", "what it did"], idle_rows(report)),
        (f"Cost a month, divided by {report.cost.by}" if report.cost else "", COST, cost_rows(report)),
    ):
        if rows:
            yield from ["", f"### {heading}", "", _row(head), _row(["---"] * len(head))]
            yield from map(_row_of_text, rows)
    if report.notes:
        yield from ["", *(f"- {_plain(note)}." for note in report.notes)]
    for name in pictures(report) if link else ():
        yield from ["", f"![{_plain(name)}]({link(report.host, name)})"] if link else ()


def _row_of_text(cells: Sequence[str]) -> str:
    return _row([_plain(cell) for cell in cells])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _plain(text: str) -> str:
    """Text that is nothing but text, in one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))
