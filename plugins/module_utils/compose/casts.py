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
from collections.abc import Callable
from typing import Any, TypeVar

from ..core.units import DURATION_HINT, SIZE_HINT
from ..schema.nodes import Refused

_T = TypeVar("_T")
_TRUE = ("true", "y", "yes", "on")
_FALSE = ("false", "n", "no", "off")
_WHOLE = re.compile(r"[-+]?[0-9]{1,19}")
_DIGITS = re.compile(r"[0-9]{1,6}")
_DECIMAL = r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"
_NUMBER = re.compile(rf"[-+]?(?:{_DECIMAL}(?:[eE][-+]?[0-9]{{1,4}})?)")
_DURATION = re.compile(rf"[-+]?(?:{_DECIMAL}(?:ns|us|µs|μs|ms|s|m|h))+|[-+]?0")
_DURATION_PART = re.compile(rf"({_DECIMAL})(ns|us|µs|μs|ms|s|m|h)")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]*)?) ?([kmgtp]?)(?:i?b)?", re.IGNORECASE)
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
    """A whole number. A fraction is refused: Compose would drop it, or wrap a number that is too large."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > _LARGEST:
        raise Refused("must be a whole number", "write 1, 2, 3 …")
    return value


def count(value: Any) -> int:
    """A whole number from 0 on."""
    number = whole(value)
    if number < 0:
        raise Refused("must be a whole number", "write 0, 1, 2, 3 …")
    return number


def swappiness(value: Any) -> int:
    """A whole number from 0 on; -1 without quotes is the engine's default."""
    return -1 if value == -1 and isinstance(value, int) else count(value)


def uncast(cast: Callable[[Any], _T]) -> Callable[[Any], _T]:
    """A number where Compose casts nothing: a quoted one is refused."""

    def read(value: Any) -> _T:
        if isinstance(value, str):
            raise Refused("must be a number", "write a number without quotes")
        return cast(value)

    return read


def limit(value: Any) -> int:
    """A whole number, where Compose takes no other spelling of it, such as 1e3."""
    if isinstance(value, float):
        raise Refused("must be a whole number", "write 1, 2, 3 …")
    return whole(value)


def mode(value: Any) -> int | str:
    """The permissions of a file."""
    refused = Refused("must be the permissions of a file", "write them in octal, such as 0440")
    if isinstance(value, str):
        if _DIGITS.fullmatch(value):
            return value
        raise refused
    if limit(value) < 0:
        raise refused
    return int(value)


def number(value: Any) -> float:
    """A number, with or without a fraction."""
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) <= _LARGEST:
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
    """Bytes; -1 without quotes is no limit. A number with a fraction is refused: Compose would set no limit at all."""
    return -1 if value == -1 and isinstance(value, int) else positive_size(value)


def positive_size(value: Any) -> int:
    """Bytes."""
    if isinstance(value, str):
        match = _SIZE.fullmatch(value)
        amount = float(match[1]) * 1024 ** _POWERS.index(match[2].lower() or " ") if match else math.inf
        value = int(amount) if amount <= _LARGEST else None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _LARGEST:
        raise Refused("is not a size", SIZE_HINT)
    return value


def written_size(value: Any) -> int:
    """Bytes, where Compose takes strings only."""
    if isinstance(value, int) and not isinstance(value, bool):
        raise Refused("must be a string", f'put it in quotes: "{value}"')
    return positive_size(value)


def text(value: Any) -> str:
    """A string. Compose takes no number and no boolean for one."""
    if not isinstance(value, str):
        raise Refused("must be a string", "put it in quotes")
    return value


def name_or_number(value: Any) -> str | int:
    """A string, or a whole number."""
    return value if isinstance(value, str) else limit(value)


def anything(value: Any) -> Any:
    """A string, a number or a boolean, kept as it is."""
    return value
