# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of vulnerabilities of several hosts: a table for a terminal, and Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..core.format import columns, fitted, markdown_table

WORST = ("critical", "high", "medium", "low")
LISTED = 50  # findings of one subject in Markdown; JSON has them all
_HEAD = ("host", "what", "system", "packages", *WORST, "other", "fixable", "by")


def table(hosts: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    """A line for each host and image."""
    rows = [[host, *_cells(subject)] for host, subjects in hosts.items() for subject in subjects]
    return list(columns(fitted([list(_HEAD), *rows], 160)))


def markdown(hosts: Mapping[str, Sequence[Mapping[str, Any]]], unknown: Iterable[str], at: str) -> str:
    """The same for people who read it later, with those that have a fix.

    :param unknown: hosts of which nothing is known, each with the reason.
    :param at: the time.
    """
    lines = ["# Vulnerabilities", "", at, ""]
    lines += [f"- {line}" for line in unknown]
    rows = [[host, *_cells(subject)] for host, subjects in hosts.items() for subject in subjects]
    lines += ["", *markdown_table(list(_HEAD), rows)]
    for host, subjects in hosts.items():
        for subject in subjects:
            lines += list(_fixable(host, subject))
    return "\n".join(lines) + "\n"


def _cells(subject: Mapping[str, Any]) -> list[str]:
    shown = [str(subject["kind"] if subject["kind"] == "host" else subject["name"]), str(subject.get("system") or "")]
    packages = subject.get("packages")
    shown.append("" if packages is None else str(packages))
    if subject.get("unknown"):
        return [*shown, *["?"] * (len(WORST) + 2), str(subject["unknown"])]
    counted = subject["severities"]
    other = sum(count for name, count in counted.items() if name not in WORST)
    return [*shown, *(str(counted[name]) for name in WORST), str(other), str(subject["fixable"]), str(subject["source"])]


def _fixable(host: str, subject: Mapping[str, Any]) -> Iterator[str]:
    found = [one for one in subject.get("findings") or () if one.get("fixed")]
    if not found:
        return
    what = "packages of the host" if subject["kind"] == "host" else f"{subject['name']} ({', '.join(subject['used_by'])})"
    yield from ("", f"## {host}: {what}", "")
    rows = [[one["name"], one["severity"], one["package"], one["installed"], one["fixed"]] for one in found[:LISTED]]
    yield from markdown_table(["vulnerability", "severity", "package", "installed", "fixed in"], rows)
    if len(found) > LISTED:
        yield from ("", f"and {len(found) - LISTED} more with a fix; all of them are in the JSON beside this file.")
