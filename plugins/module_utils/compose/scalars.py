# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scalars of a Compose file: what a plain word is to Compose's parser, and what Compose writes where it makes a string of a value."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Any

# What go-yaml resolves of a plain scalar (resolve.go), as whole words: it takes underscores out of numbers first, and a leading 0 is octal.
BOOLEAN = re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$")
INTEGER = re.compile(r"^[-+]?_*(?:0_*[bB][01_]+|0_*[xX][0-9a-fA-F_]+|0_*[oO]?[0-7_]*|[1-9][0-9_]*)$")
FLOAT = re.compile(r"^(?:[-+]?(?:[0-9_]+(?:\.[0-9_]*)?|\.[0-9_]+)(?:[eE][-+]?[0-9_]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$")
NULL = re.compile(r"^(?:~|null|Null|NULL|)$")
DATE = re.compile(r"^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt ].*)?$")  # a time to go-yaml, which Compose refuses or garbles; a string here


def as_text(value: Any) -> str:
    """What Compose writes for a value, by Go's verb C(%v): C(true), not C(True); 1e3 is 1000 and 1e6 is 1e+06; nothing for null."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if not math.isfinite(value):
            return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
        number = Decimal(repr(value)).normalize()
        if number and not -4 <= number.adjusted() < 6:
            return f"{value:.{len(number.as_tuple().digits) - 1}e}"
        return f"{number:f}"
    return str(value)
