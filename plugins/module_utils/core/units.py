# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sizes and durations, in the spellings that Compose and nginx use."""

from __future__ import annotations

import re

_SIZE = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[kmgt]?)(?:i?b)?", re.IGNORECASE)
_SIZE_FACTORS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}

_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:us|ms|s|m|h|d|w))+")
_DURATION_PART = re.compile(r"(?P<number>\d+(?:\.\d+)?)(?P<unit>us|ms|s|m|h|d|w)")
_DURATION_FACTORS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}

_LONGEST = 64  # characters of a size or duration that anybody means; more could be infinite

# For editors; parse_duration is the judge.
DURATION_PATTERN = r"^\s*(?:[0-9]+(?:\.[0-9]+)?|(?:[0-9]+(?:\.[0-9]+)?\s*(?:us|ms|s|m|h|d|w)\s*)+)$"
SIZE_HINT = "write a number with k, m or g, such as 10m (powers of 1024)"
DURATION_HINT = "write a number with its unit, such as 500ms, 60s or 1m30s"


def parse_size(value: str | int) -> int:
    """The number of bytes in C(10m), C(512k), C(1g), C(2gb), C(1.5GiB), or a plain number of bytes.

    Units are powers of 1024 in either case, as in Compose (docker/go-units RAMInBytes) and nginx.
    Raises ValueError whose text says what to write.
    """
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise ValueError(SIZE_HINT)
    if isinstance(value, int):
        if value < 0:
            raise ValueError(SIZE_HINT)
        return int(value)
    match = _SIZE.fullmatch(value.strip()) if len(value) <= _LONGEST else None
    if match is None:
        raise ValueError(SIZE_HINT)
    return int(float(match["number"]) * _SIZE_FACTORS[match["unit"].lower()])


def parse_duration(value: str | int | float) -> float:
    """The seconds in C(60s), C(1m30s), C(500ms), C(1h); a bare number is seconds.

    The forms of Go's time.ParseDuration (Compose), with d and w as nginx has them.
    Raises ValueError whose text says what to write.
    """
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ValueError(DURATION_HINT)
    if isinstance(value, (int, float)):
        if value < 0:
            raise ValueError(DURATION_HINT)
        return float(value)
    text = value.strip().replace(" ", "").lower()
    if len(text) > _LONGEST:
        raise ValueError(DURATION_HINT)
    if re.fullmatch(r"\d+(?:\.\d+)?", text):
        return float(text)
    if not _DURATION.fullmatch(text):
        raise ValueError(DURATION_HINT)
    return sum(float(part["number"]) * _DURATION_FACTORS[part["unit"]] for part in _DURATION_PART.finditer(text))


def nginx_size(size: int) -> str:
    """Bytes in the form that nginx reads: the largest of g, m, k that divides it without a rest."""
    for unit in ("g", "m", "k"):
        if size and size % _SIZE_FACTORS[unit] == 0:
            return f"{size // _SIZE_FACTORS[unit]}{unit}"
    return str(size)


def spell_duration(seconds: float) -> str:
    """Seconds as an operator writes them, in the largest unit that leaves no rest; days from two on."""
    for unit, factor in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds and seconds % factor == 0 and (unit != "d" or seconds >= 2 * factor):
            return f"{seconds // factor:g}{unit}"
    return f"{seconds:g}s" if seconds >= 1 or not seconds else f"{seconds * 1000:g}ms"
