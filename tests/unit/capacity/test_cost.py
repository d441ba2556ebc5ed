# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bills: calculated by hand, and adding up to the cent whatever is divided."""

from __future__ import annotations

import random
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.capacity.cost import DISK, HOST, IDLE, OTHERS, Machine, cost
from ansible_collections.latentum.ops.plugins.module_utils.capacity.money import amount, divided
from ansible_collections.latentum.ops.plugins.module_utils.contracts.base import ContractError
from ansible_collections.latentum.ops.plugins.module_utils.contracts.capacity import Prices

from .services import GIB, use

BOX = Machine(4.0, 8 * GIB, 100 * GIB, busy=2.0, used=4 * GIB)


def stack(name: str, cpu: float, memory: float, **more: Any) -> Any:
    """A stack of one service, which used so much of the processors, and so many GiB."""
    return use(stack=name, sums=(cpu, memory * GIB), allowed=more.pop("allowed", (None, None)), **more)


def bill(prices: Prices, *services: Any, machine: Machine = BOX) -> dict[str, str]:
    """Amounts by name; together they are the price, exactly."""
    made = cost(prices, machine, services)
    assert sum(Decimal(row.amount) for row in made.rows) == Decimal(made.total)
    assert all(Decimal(row.amount) >= 0 for row in made.rows)
    for share in ("cpu", "memory") if prices.idle == "apart" else ():
        assert sum(getattr(row, share) for row in made.rows) == pytest.approx(1)
    return {row.name: row.amount for row in made.rows}


def test_the_price_of_a_host_by_use() -> None:
    """Half for 4 processors, half for 8 GiB: shop 50*1/4 + 50*2/8, blog 50*0.5/4 + 50*1/8, the host itself what is left of use."""
    made = bill(Prices("EUR", 100), stack("shop", 1.0, 2), stack("blog", 0.5, 1))
    assert made == {"shop": "25.00", "blog": "12.50", HOST: "12.50", IDLE: "50.00"}


def test_what_nobody_had_can_be_divided() -> None:
    made = bill(Prices("EUR", 100, idle="spread"), stack("shop", 1.0, 2), stack("blog", 0.5, 1))
    assert made == {"shop": "50.00", "blog": "25.00", HOST: "25.00"}


def test_the_prices_of_parts() -> None:
    """4 processors of 0.01 an hour are 29.20, 8 GiB of 2.50 are 20.00, 100 GiB of 0.05 are 5.00."""
    prices = Prices("EUR", cpu_hour=0.01, memory_gb_month=2.5, disk_gb_month=0.05)
    made = cost(prices, BOX, [stack("shop", 1.0, 2)])
    assert made.total == "54.20"
    assert {row.name: row.amount for row in made.rows} == {"shop": "12.30", HOST: "12.30", IDLE: "24.60", DISK: "5.00"}


def test_limits_count_whether_they_are_used_or_not_and_use_where_there_is_none() -> None:
    prices = Prices("EUR", 100, by="limits")
    made = bill(prices, stack("shop", 0.1, 0.1, allowed=(2.0, 4 * GIB)), stack("blog", 0.4, 0.8))
    assert made["shop"] == "50.00" and made["blog"] == "10.00"


def test_limits_that_promise_more_than_there_is_leave_nothing_idle_and_nothing_negative() -> None:
    prices = Prices("EUR", 90, by="limits")
    made = bill(prices, stack("shop", 0.1, 1, allowed=(8.0, 16 * GIB)), stack("blog", 0.1, 1, allowed=(4.0, 8 * GIB)))
    assert made[IDLE] == "0.00" and Decimal(made["shop"]) == pytest.approx(2 * Decimal(made["blog"]), abs=Decimal("0.02"))


def test_containers_that_used_more_than_the_host_says_share_all_of_it() -> None:
    made = bill(Prices("EUR", 100), stack("shop", 3.0, 6), stack("blog", 3.0, 6), machine=Machine(4.0, 8 * GIB, busy=1.0, used=GIB))
    assert made == {"shop": "50.00", "blog": "50.00", HOST: "0.00", IDLE: "0.00"}


def test_a_host_on_which_nothing_runs_is_idle_even_where_idle_is_divided() -> None:
    for idle in ("apart", "spread"):
        made = bill(Prices("EUR", 49.9, idle=idle), machine=Machine(2.0, 4 * GIB))
        assert made[IDLE] == "49.90"


def test_containers_of_no_stack_are_named_and_no_stack_can_be_called_like_them() -> None:
    made = bill(Prices("EUR", 100), stack("", 1.0, 2), stack("disk", 1.0, 2))
    assert made[OTHERS] == made["disk"] == "25.00"
    assert all(" " in name for name in (HOST, IDLE, DISK, OTHERS))


def test_a_host_for_nothing_costs_nothing() -> None:
    assert set(bill(Prices("EUR", 0), stack("shop", 1.0, 2)).values()) == {"0.00"}


@pytest.mark.parametrize("seed", range(40))
def test_every_bill_adds_up(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - the same numbers each time
    services = [stack(f"s{number}", chance.random(), chance.random() * 3) for number in range(chance.randint(1, 9))]
    price = round(chance.random() * 1000, chance.randint(0, 4))
    bill(Prices("EUR", price, idle=chance.choice(["apart", "spread"])), *services)


def test_three_thirds_are_whole() -> None:
    shares = divided(Decimal("100.00"), {name: Fraction(1) for name in "abc"})
    assert shares == {"a": Decimal("33.34"), "b": Decimal("33.33"), "c": Decimal("33.33")}
    assert divided(Decimal("0.01"), {"a": Fraction(1, 3), "b": Fraction(2, 3)}) == {"a": Decimal("0.00"), "b": Decimal("0.01")}
    for weights in ({}, {"a": Fraction(0)}, {"a": Fraction(2), "b": Fraction(-1)}):
        with pytest.raises(ValueError, match="weights"):
            divided(Decimal(1), weights)


def test_an_amount_is_what_is_written() -> None:
    assert [str(amount(value)) for value in (49.9, 0.1 + 0.2, 2.675, Fraction(1, 200), Fraction(2, 3))] == [
        "49.90", "0.30", "2.68", "0.01", "0.67",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "has no price: write host_month"),
        ({"host_month": 5, "cpu_hour": 1}, "has host_month and cpu_hour"),
        ({"host_month": -1}, "outside its limits"),
        ({"host_month": 5, "by": "usage"}, "did you mean use"),
        ({"host": 5}, "is not a known key"),
    ],
)
def test_prices_that_cannot_be(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ContractError, match=said):
        Prices.from_dict(given)
