# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Casts of Compose: what a scalar of a Compose file means where a boolean, a number, a duration or a size is expected.

Compose casts every string at such a key after it has resolved variables, so C(yes), C("true") and C(${X:-on}) are all true. Whatever is
judged here is cast first, in the same way. Each cast returns the typed value, or raises Refused for what Compose refuses.
tests/unit/compose/recorded holds what the CLIs 2.26 and 2.40 made of each spelling.
"""

from __future__ import annotations

import math
import re
from typing import Any

from ..core.units import DURATION_HINT, SIZE_HINT
from ..schema.nodes import Refused

_TRUE = ("true", "y", "yes", "on")
_FALSE = ("false", "n", "no", "off")
_WHOLE = re.compile(r"[-+]?[0-9]{1,19}")
_DECIMAL = r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"
_NUMBER = re.compile(rf"[-+]?(?:{_DECIMAL}(?:[eE][-+]?[0-9]{{1,4}})?|(?:inf|infinity|nan))", re.IGNORECASE)
_DURATION = re.compile(rf"[-+]?(?:{_DECIMAL}(?:ns|us|µs|μs|ms|s|m|h))+|[-+]?0")
_DURATION_PART = re.compile(rf"({_DECIMAL})(ns|us|µs|μs|ms|s|m|h)")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_SIZE = re.compile(rf"\+?({_DECIMAL}(?:[eE][-+]?[0-9]{{1,4}})?) ?(?:([kmgtp]?)(?:i?b)?)", re.IGNORECASE)
_POWERS = " kmgtp"
_LARGEST = 2**63 - 1


def boolean(value: Any) -> bool:
    """True or false, in every spelling of YAML 1.1, quoted or not."""
    if isinstance(value, bool):
        return value
    word = value.lower() if isinstance(value, str) else ""
    if word not in (*_TRUE, *_FALSE):
        raise Refused("must be true or false", "write true or false")
    return word in _TRUE


def flag(value: Any) -> bool:
    """True or false where Compose casts nothing: a quoted word is refused."""
    if not isinstance(value, bool):
        raise Refused("must be true or false", "write true or false, without quotes")
    return value


def whole(value: Any) -> int:
    """A whole number. Compose drops what stands behind the point of a number without quotes."""
    refused = Refused("must be a whole number", "write 1, 2, 3 …")
    if isinstance(value, str):
        if not _WHOLE.fullmatch(value):
            raise refused
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not -_LARGEST <= value <= _LARGEST:
        raise refused
    return value


def number(value: Any) -> float:
    """A number, with or without a fraction."""
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Refused("must be a number", "write a number, such as 0.5")
    return value


def duration(value: Any) -> float:
    """Seconds. Go's durations: a unit to each number, no spaces, lower case; only 0 may stand alone."""
    if not isinstance(value, str) or not _DURATION.fullmatch(value):
        raise Refused("is not a duration", DURATION_HINT)
    seconds = sum(float(amount) * _SECONDS[unit] for amount, unit in _DURATION_PART.findall(value))
    if seconds > _LARGEST / 1e9:
        raise Refused("is not a duration", DURATION_HINT)
    return -seconds if value.startswith("-") else seconds


def size(value: Any) -> int:
    """Bytes; -1 is no limit."""
    refused = Refused("is not a size", SIZE_HINT)
    if isinstance(value, str):
        if _WHOLE.fullmatch(value):
            value = int(value)
        else:
            match = _SIZE.fullmatch(value)
            amount = float(match[1]) * 1024 ** _POWERS.index(match[2].lower() or " ") if match else math.inf
            if amount > _LARGEST:
                raise refused
            value = int(amount)
    if isinstance(value, bool) or not isinstance(value, int) or not -_LARGEST <= value <= _LARGEST:
        raise refused
    return value


def text(value: Any) -> str:
    """A string. Compose takes no number and no boolean for one."""
    if not isinstance(value, str):
        raise Refused("must be a string", "put it in quotes")
    return value


def anything(value: Any) -> Any:
    """A string, a number or a boolean, kept as it is."""
    return value
