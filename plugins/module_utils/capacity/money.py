# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Money that is divided: shares in whole cents whose sum is exactly what was divided."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

CENT = Decimal("0.01")


def amount(value: float | str | Decimal | Fraction) -> Decimal:
    """An amount in whole cents. A float is taken as it is written: 0.1 is a tenth."""
    if isinstance(value, Fraction):
        cents = Decimal((value * 100 + Fraction(1, 2)) // 1)
        return (cents / 100).quantize(CENT)
    return Decimal(str(value)).quantize(CENT, ROUND_HALF_UP)


def exact(value: float) -> Fraction:
    """A number as it is written, to calculate with."""
    return Fraction(Decimal(str(value)))


def divided(total: Decimal, weights: Mapping[str, Fraction]) -> dict[str, Decimal]:
    """Shares by weight, rounded so that they add up to the total: a cent that is left goes where most was cut off (the larger share,
    then the name, where that is equal).

    :raises ValueError: no weight is above 0, or one is below.
    """
    whole = sum(weights.values(), Fraction(0))
    if whole <= 0 or min(weights.values()) < 0:
        raise ValueError("weights must not be negative, and one of them above 0")
    cents = int(total / CENT)
    exact_cents = {name: cents * weight / whole for name, weight in weights.items()}
    shares = {name: int(value // 1) for name, value in exact_cents.items()}
    order = sorted(weights, key=lambda name: (-(exact_cents[name] - shares[name]), -weights[name], name))
    for name in order[: cents - sum(shares.values())]:
        shares[name] += 1
    return {name: (Decimal(share) * CENT).quantize(CENT) for name, share in shares.items()}
