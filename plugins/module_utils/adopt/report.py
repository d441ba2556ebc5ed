# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The findings for people: a table for a terminal, and Markdown for a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..core.format import WIDTH, columns, fitted, folded
from .finding import ORDER, Finding, Verdict

HEADINGS = {
    Verdict.CONFLICT: "conflicts: the run refuses, or something stops working",
    Verdict.REPORTED: "works now, and not afterwards unless it is added",
    Verdict.TAKEN_OVER: "taken over: a role changes or replaces it",
    Verdict.STAYS: "stays as it is",
    Verdict.MANAGED: "managed by this collection already",
    Verdict.FOUND: "found; nothing is declared to judge it by",
}
# Of these only what is there is told, a line each.
SHORT = {Verdict.STAYS, Verdict.MANAGED, Verdict.FOUND}


def summary(findings: Sequence[Finding]) -> str:
    """How many of each verdict."""
    counts = {verdict: sum(finding.verdict is verdict for finding in findings) for verdict in ORDER}
    return ", ".join(f"{count} {verdict.value.replace('_', ' ')}" for verdict, count in counts.items() if count) or "nothing found"


def table(name: str, findings: Sequence[Finding], unseen: Sequence[str]) -> str:
    """For a terminal of `WIDTH` columns."""
    lines = [f"{name}: {summary(findings)}"]
    for verdict in ORDER:
        chosen = [finding for finding in findings if finding.verdict is verdict]
        if chosen:
            lines += ["", HEADINGS[verdict], *(_short(chosen) if verdict in SHORT else _long(chosen))]
    lines += ["", "could not be looked at", *(folded(f"  {line}") for line in unseen)] if unseen else []
    return "\n".join(lines)


def _short(findings: Sequence[Finding]) -> list[str]:
    rows = [[f"  {finding.kind}", _line(finding.name), _line(finding.details)] for finding in findings]
    return list(columns(fitted(rows, WIDTH)))


def _long(findings: Sequence[Finding]) -> Iterator[str]:
    for finding in findings:
        details = f" ({_line(finding.details)})" if finding.details else ""
        yield folded(f"  {finding.kind} {_line(finding.name)}{details}")
        role = f"role {finding.role} " if finding.role else ""
        yield folded(f"     {role}{finding.effect}")
        if finding.write:
            yield folded(f"     -> {finding.write}")


def _line(text: str) -> str:
    return " ".join(text.split())


def markdown(name: str, findings: Sequence[Finding], unseen: Sequence[str], at: str) -> str:
    """A file that stays: what there was, and what was decided by it."""
    lines = [f"# {name}", "", f"Looked at {at}; nothing was changed. {summary(findings).capitalize()}.", ""]
    for verdict in ORDER:
        chosen = [finding for finding in findings if finding.verdict is verdict]
        if not chosen:
            continue
        heading = HEADINGS[verdict]
        lines += [f"## {heading[0].upper()}{heading[1:]}", ""]
        short = verdict in SHORT
        lines += ["| what | which | whose, where |" + ("" if short else " what happens | what to write |")]
        lines += ["|---|---|---|" + ("" if short else "---|---|")]
        for finding in chosen:
            role = f"role {finding.role} " if finding.role else ""
            cells = [finding.kind, finding.name, finding.details] + ([] if short else [f"{role}{finding.effect}", finding.write])
            lines.append("| " + " | ".join(_cell(cell) for cell in cells) + " |")
        lines.append("")
    if unseen:
        lines += ["## Could not be looked at", "", *(f"- {_cell(line)}" for line in unseen), ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def _cell(text: str) -> str:
    """Text that neither ends a cell nor is read as markup."""
    escaped = _line(text).replace("\\", "\\\\")
    for character in "|`*_<>[]":
        escaped = escaped.replace(character, f"\\{character}")
    return escaped
