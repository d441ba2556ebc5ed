# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Durations, sizes and aligned columns for people."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Iterable, Sequence

WIDTH = 120  # columns of a terminal that tables fit
GAP = "  "


def duration(seconds: int) -> str:
    """Two units at the most: `3d 4h`, `5m 10s`."""
    parts: list[str] = []
    rest = seconds
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        if count or parts:
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2]) or "0s"


def size(count: int) -> str:
    """Bytes in the largest unit that keeps one digit before the point."""
    number = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if number < 1024:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} TiB"


def width_of(text: str) -> int:
    """Columns that a terminal gives a text: two for the wide characters of East Asia and for emoji, none for accents that stand alone."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(character) or unicodedata.category(character) in ("Cf", "Me", "Mn") else 1 + _is_wide(character)
        for character in text
    )


def _is_wide(character: str) -> bool:
    return unicodedata.east_asian_width(character) in ("W", "F")


def padded(text: str, width: int) -> str:
    """A text with spaces up to a width of the terminal."""
    return text + " " * max(0, width - width_of(text))


def columns(rows: Sequence[Sequence[str]]) -> Iterable[str]:
    """Rows padded to the widest cell of each column."""
    widths = _widths(rows)
    for row in rows:
        yield GAP.join(padded(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip()


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterable[str]:
    """Rows as a table of Markdown; a bar in a cell would be the end of it."""
    for row in (head, ["---"] * len(head), *rows):
        yield f"| {' | '.join(str(cell).replace('|', '/') for cell in row)} |"


def fitted(rows: Sequence[Sequence[str]], width: int = WIDTH) -> Sequence[Sequence[str]]:
    """Rows whose widest columns are shortened until a line fits the width."""
    widths = _widths(rows)
    while sum(widths) + len(GAP) * (len(widths) - 1) > width and max(widths) > 1:
        widths[widths.index(max(widths))] -= 1
    return [[shortened(cell, limit) for cell, limit in zip(row, widths, strict=True)] for row in rows]


def shortened(text: str, limit: int) -> str:
    """The beginning and the end of a text that is too long: names, references and paths differ at their ends."""
    if width_of(text) <= limit:
        return text
    head, tail = (limit - 1) // 3, limit - 1 - (limit - 1) // 3
    return f"{_taken(text, head)}…{_taken(text[::-1], tail)[::-1]}"


def _taken(text: str, width: int) -> str:
    """As much of the beginning as fits."""
    end = 0
    while end < len(text) and width_of(text[: end + 1]) <= width:
        end += 1
    return text[:end]


def folded(text: str, width: int = WIDTH) -> str:
    """Text whose long lines go on in an indented line below. A word that alone is too long stays whole, so that it can be copied."""
    lines: list[str] = []
    for line in text.splitlines():
        indent = " " * (len(line) - len(line.lstrip()) + 3)
        whole = len(line) <= width
        lines += [line] if whole else textwrap.wrap(line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    return "\n".join(lines)


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(width_of(row[index]) for row in rows) for index in range(len(rows[0]))] if rows else []
