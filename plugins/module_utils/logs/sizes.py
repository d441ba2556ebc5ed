# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sizes as they are declared."""

from __future__ import annotations

import re

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def size_from(text: str | int) -> int:
    """Bytes of ``512M``, ``20G`` (powers of 1024), or a number.

    :raises ValueError: anything else.
    """
    match = re.fullmatch(r"(\d{1,15})([KMGT]?)", str(text))
    if not match:
        raise ValueError(f"{text!r} is no size: write bytes, or a number with K, M, G or T, such as 20G")
    return int(match[1]) * _UNITS[match[2]]
