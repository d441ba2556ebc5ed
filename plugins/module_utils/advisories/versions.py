# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Versions of Debian packages in their order (deb-version(7)): thousands are compared, so no `dpkg --compare-versions` for each."""

from __future__ import annotations

import re
from functools import lru_cache

_PARTS = re.compile(r"([^0-9]*)([0-9]*)")
_Key = tuple[tuple[tuple[int, ...], int], ...]


def older(version: str, than: str) -> bool:
    """Whether the first one comes before the second."""
    return _key(version) < _key(than)


@lru_cache(maxsize=65536)
def _key(version: str) -> tuple[int, _Key, _Key]:
    """Epoch, upstream version and revision, each as something that Python orders as dpkg does."""
    epoch, colon, rest = version.strip().partition(":")
    if not colon:
        epoch, rest = "0", version.strip()
    upstream, dash, revision = rest.rpartition("-")
    if not dash:
        upstream, revision = rest, "0"
    return int(epoch) if epoch.isdigit() else 0, _ordered(upstream), _ordered(revision)


def _ordered(part: str) -> _Key:
    """Pieces without digits and numbers by turns; the end of a version is before letters, and after a tilde."""
    pieces = [(text, number) for text, number in _PARTS.findall(part) if text or number]
    return (*((_letters(text), int(number or 0)) for text, number in pieces), ((0,), 0))


def _letters(text: str) -> tuple[int, ...]:
    """A tilde before the end, the end before letters, letters before all else."""
    return (*(-1 if letter == "~" else ord(letter) if letter.isalpha() else ord(letter) + 256 for letter in text), 0)
