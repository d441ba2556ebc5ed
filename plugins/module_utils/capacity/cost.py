# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each stack costs in a month: the price of the host, divided by what was used or by what may be used, to the cent.

Shares are over the whole time in which the host was measured, so a stack that was there for half of it has half. Nothing is ever
negative: where containers together had more than there is (limits may promise more than the host has), they share all of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from ..contracts.capacity import BY_LIMITS, SPREAD, Prices
from .money import amount, divided, exact
from .report import Cost, CostRow
from .use import Use

HOURS = 730  # of a month: a year has 8760
# No stack can be called so.
HOST, IDLE, DISK, OTHERS = "the host itself", "nobody (idle)", "file systems", "other containers"
CPU, MEMORY = 0, 1  # of what a Use has both


@dataclass(frozen=True)
class Machine:
    """The host: what it has, and how much of it was used on average, containers included; None where nobody measured that."""

    processors: float
    memory: float
    disk: float = 0.0
    busy: float | None = None
    used: float | None = None


def cost(prices: Prices, machine: Machine, services: Sequence[Use]) -> Cost:
    """The bill of a month."""
    by_limits = prices.by == BY_LIMITS
    cpu = _shares([(use, _part(use, CPU, limits=by_limits)) for use in services], CPU, machine.processors, machine.busy)
    memory = _shares([(use, _part(use, MEMORY, limits=by_limits)) for use in services], MEMORY, machine.memory, machine.used)
    parts = _prices(prices, machine)
    weights: dict[str, Fraction] = {}
    for price, shares in ((parts["cpu"], cpu), (parts["memory"], memory)):
        for name, share in (_spread(shares) if prices.idle == SPREAD else shares).items():
            weights[name] = weights.get(name, Fraction(0)) + price * share
    if parts["disk"]:
        weights[DISK] = parts["disk"]
    total = amount(sum(parts.values(), Fraction(0)))
    amounts = divided(total, weights) if total else dict.fromkeys(weights, total)
    rows = [CostRow(name, float(cpu.get(name, 0)), float(memory.get(name, 0)), str(amounts[name])) for name in sorted(weights, key=_order)]
    return Cost(prices.currency, str(total), prices.by, tuple(rows))


def _prices(prices: Prices, machine: Machine) -> dict[str, Fraction]:
    """What the parts of the host cost. The price of a whole host is half for its processors and half for its memory: what one stack
    leaves over of one of them is of no use to another without the other."""
    if prices.host_month is not None:
        half = exact(prices.host_month) / 2
        return {"cpu": half, "memory": half, "disk": Fraction(0)}
    return {
        "cpu": exact(prices.cpu_hour or 0) * HOURS * exact(machine.processors),
        "memory": exact(prices.memory_gb_month or 0) * exact(machine.memory) / 2**30,
        "disk": exact(prices.disk_gb_month or 0) * exact(machine.disk) / 2**30,
    }


def _part(use: Use, which: int, *, limits: bool) -> float:
    """Of a limit all of it, whether it is used or not; without one what was used."""
    allowed = use.allowed[which] if limits else None
    return use.sums[which] if allowed is None else allowed


def _shares(parts: Sequence[tuple[Use, float]], which: int, capacity: float, used: float | None) -> dict[str, Fraction]:
    """Shares of everything, which are 1 together.

    :param used: of the whole host; what its containers did not use of that, the host itself did.
    """
    weights: dict[str, Fraction] = {}
    for use, part in parts:
        name = use.stack or OTHERS
        weights[name] = weights.get(name, Fraction(0)) + Fraction(max(0.0, part))
    containers = sum(weights.values(), Fraction(0))
    own = Fraction(max(0.0, (used or 0.0) - sum(use.sums[which] for use, _part in parts)))
    whole = max(Fraction(capacity), containers + own)
    weights |= {HOST: own, IDLE: whole - containers - own}
    return {name: weight / whole for name, weight in weights.items()} if whole else {IDLE: Fraction(1)}


def _spread(shares: Mapping[str, Fraction]) -> dict[str, Fraction]:
    """What nobody had, divided like the rest; all of it stays nobody's where there is no rest."""
    rest = {name: share for name, share in shares.items() if name != IDLE}
    whole = sum(rest.values(), Fraction(0))
    return {name: share / whole for name, share in rest.items()} if whole else dict(shares)


def _order(name: str) -> tuple[int, str]:
    """Stacks first, by name."""
    last = (OTHERS, HOST, DISK, IDLE)
    return (last.index(name) + 1 if name in last else 0, name)
