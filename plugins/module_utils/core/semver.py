# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Versions and ranges of Semantic Versioning 2.0.0, as tags of releases are compared and allowed.

A range is what npm and Cargo write: ``>=1.4.0 <2.0.0``, ``^1.4``, ``~1.4.2``, ``1.x``, several of them with ``||`` between. A
pre-release is in a range only where the range names a pre-release of the same version itself: ``^1.4.0`` takes no ``1.5.0-rc.1``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import total_ordering

_NUMBER = r"(?:0|[1-9][0-9]{0,8})"
_NAMES = r"[0-9A-Za-z-]{1,64}(?:\.[0-9A-Za-z-]{1,64}){0,8}"
_VERSION = re.compile(rf"v?({_NUMBER})\.({_NUMBER})\.({_NUMBER})(?:-({_NAMES}))?(?:\+({_NAMES}))?")
_PART = rf"(?:{_NUMBER}|[xX*])"
_COMPARATOR = re.compile(rf"(>=|<=|>|<|=|\^|~)?v?({_PART})(?:\.({_PART}))?(?:\.({_PART}))?(?:-({_NAMES}))?")
HINT = "write a range such as '>=1.4.0 <2.0.0', '^1.4', '~1.4.2' or '1.x'"
_NEVER = (1 << 62, 0, 0)


@total_ordering
@dataclass(frozen=True)
class Version:
    """One version; what is built (``+…``) is not part of it.

    :param pre: identifiers of the pre-release; empty for a release.
    """

    numbers: tuple[int, int, int]
    pre: tuple[str, ...] = ()

    def __lt__(self, other: Version) -> bool:
        return self._order() < other._order()

    def _order(self) -> tuple[tuple[int, int, int], bool, list[tuple[bool, int, str]]]:
        """By section 11: a release after its pre-releases, numbers before words."""
        return self.numbers, not self.pre, [(not name.isdigit(), int(name) if name.isdigit() else 0, name) for name in self.pre]

    def __str__(self) -> str:
        return ".".join(map(str, self.numbers)) + (f"-{'.'.join(self.pre)}" if self.pre else "")


def version(text: str) -> Version | None:
    """The version that a tag names, with or without a leading C(v); None where it names none."""
    match = _VERSION.fullmatch(text)
    if match is None:
        return None
    return Version((int(match[1]), int(match[2]), int(match[3])), tuple(match[4].split(".")) if match[4] else ())


@dataclass(frozen=True)
class _Between:
    """From the first version on, and before the second; pre-releases of the versions in C(named) alone."""

    least: Version
    below: Version
    named: frozenset[tuple[int, int, int]]

    def __contains__(self, candidate: Version) -> bool:
        return self.least <= candidate < self.below and (not candidate.pre or candidate.numbers in self.named)


@dataclass(frozen=True)
class Range:
    """A range, read."""

    text: str
    _either: tuple[_Between, ...]

    def __contains__(self, candidate: Version) -> bool:
        return any(candidate in between for between in self._either)


def range_of(text: str) -> Range:
    """A range as it is written.

    :raises ValueError: it is none; the message says what it is.
    """
    return Range(text, tuple(_all_of(part) for part in text.split("||")))


def _all_of(text: str) -> _Between:
    words = re.sub(r"(>=|<=|>|<|=|\^|~)\s+", r"\1", text).split()
    if not words:
        raise ValueError("is no range of versions")
    least, below, named = Version((0, 0, 0)), Version(_NEVER), set()
    for word in words:
        match = _COMPARATOR.fullmatch(word)
        if match is None:
            raise ValueError(f"{word!r} is no comparison of versions")
        lower, upper = _bounds(match)
        least, below = max(least, lower), min(below, upper)
        if match[5]:
            named.add(_filled(match))
    if not least < below:
        raise ValueError("holds no version at all")
    return _Between(least, below, frozenset(named))


def _filled(match: re.Match[str]) -> tuple[int, int, int]:
    return _triple([int(part) for part in _given(match)])


def _given(match: re.Match[str]) -> list[str]:
    """The numbers up to the first that is left open."""
    given: list[str] = []
    for part in (match[2], match[3], match[4]):
        if part is None or not part.isdigit():
            break
        given.append(part)
    return given


def _bounds(match: re.Match[str]) -> tuple[Version, Version]:
    """The first version that a comparison lets in, and the first after it that it does not."""
    sign, numbers = match[1] or "=", [int(part) for part in _given(match)]
    own = Version(_triple(numbers), tuple(match[5].split(".")) if match[5] else ())
    first, never = Version((0, 0, 0)), Version(_NEVER)
    after = _following(own, numbers)
    if sign == ">=":
        return own, never
    if sign == ">":
        return after, never
    if sign == "<":
        return first, own if own.pre else _earliest(own.numbers)
    if sign == "<=":
        return first, after
    if not numbers:
        return first, never
    if sign == "^":
        significant = next((index for index, number in enumerate(numbers) if number), len(numbers) - 1)
        return own, _earliest(_after(numbers, significant + 1))
    if sign == "~":
        return own, _earliest(_after(numbers, min(2, len(numbers))))
    return own, after


def _following(own: Version, numbers: list[int]) -> Version:
    """The first version that is past all that a comparator names: past C(1.4) is C(1.5), of which the earliest is a pre-release."""
    if own.pre:
        return Version(own.numbers, (*own.pre, "0"))
    return _earliest(_after(numbers, len(numbers)))


def _earliest(numbers: tuple[int, int, int]) -> Version:
    return Version(numbers, ("0",))


def _after(numbers: list[int], kept: int) -> tuple[int, int, int]:
    """The first version with another one of the first C(kept) numbers."""
    return _triple([*numbers[: kept - 1], numbers[kept - 1] + 1]) if kept and numbers else _NEVER


def _triple(numbers: list[int]) -> tuple[int, int, int]:
    major, minor, patch = (*numbers, 0, 0, 0)[:3]
    return major, minor, patch
