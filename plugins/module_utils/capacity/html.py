# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report as one HTML document, of one host or of several: styles and pictures within, no script, nothing loaded from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from . import words
from .picture import pictures
from .report import Report
from .table import COST, LIMITS, RESOURCES, TOGETHER, cost_rows, idle_rows, limit_rows, resource_rows, together_rows

_CELL = "padding:3px 12px 3px 0;text-align:left;vertical-align:top;border-bottom:1px solid #eaecf0"
_HEAD = (
    '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Capacity and cost</title>'
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\"></head>"
    '<body style="margin:0;padding:16px;font-family:sans-serif;color:#101828;font-size:14px"><div style="max-width:1100px">'
    "<h1>Capacity and cost</h1>"
)


def html(reports: Sequence[Report], unknown: Sequence[str] = (), *, drawn: bool = True) -> str:
    """The whole document.

    :param unknown: hosts without a report, each with the reason.
    :param drawn: with pictures; programs that show mail take them out.
    """
    body = [f"<p>{escape(line)}</p>" for line in unknown]
    for report in reports:
        body += _host(report, drawn)
    if rows := together_rows(reports):
        body += [f'<h2>{TOGETHER}</h2><table style="border-collapse:collapse">', *(_row("td", row) for row in rows), "</table>"]
    return "\n".join([_HEAD, *body, "</div></body></html>", ""])


def _host(report: Report, drawn: bool) -> Iterator[str]:
    yield f"<h2>{escape(report.host)}, {escape(words.month(report.start, report.end))}</h2>"
    for heading, head, rows in (
        ("When it is full", RESOURCES, resource_rows(report)),
        ("Limits against use", LIMITS, limit_rows(report)),
        ("Idle? Only you know what they wait for", ["service", "what it did"], idle_rows(report)),
        (f"Cost a month, divided by {report.cost.by}" if report.cost else "", COST, cost_rows(report)),
    ):
        if rows:
            yield f'<h3>{escape(heading)}</h3><table style="border-collapse:collapse">'
            yield _row("th", head)
            yield from (_row("td", row) for row in rows)
            yield "</table>"
    if report.notes:
        yield f"<ul>{''.join(f'<li>{escape(note)}.</li>' for note in report.notes)}</ul>"
    if drawn:
        yield from (f'<div style="margin:12px 0">{svg}</div>' for svg in pictures(report).values())


def _row(kind: str, cells: Sequence[str]) -> str:
    inner = "".join(f'<{kind} style="{_CELL}">{escape(cell)}</{kind}>' for cell in cells)
    return f"<tr>{inner}</tr>"
