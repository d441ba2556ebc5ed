# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scalars of a Compose file where Compose makes a string of them: labels, variables of the environment, options of a driver."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any


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
