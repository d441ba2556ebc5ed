# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host costs, who gets its monthly report, and where its numbers are."""

from __future__ import annotations

from dataclasses import dataclass

from .base import Contract, ContractError, option

BY_USE, BY_LIMITS = "use", "limits"
APART, SPREAD = "apart", "spread"
MOST = 10**6  # of any price: more is a mistake in its unit


@dataclass(frozen=True)
class Prices(Contract):
    """What the host costs: as a whole, or by what it has. Each price is in the same currency."""

    currency: str = option("The currency, as it stands behind each amount.", "EUR")
    host_month: float | None = option("What the whole host costs in a month.", None, least=0, most=MOST)
    cpu_hour: float | None = option("What one processor costs in an hour; a month has 730.", None, least=0, most=MOST)
    memory_gb_month: float | None = option("What one GiB of memory costs in a month.", None, least=0, most=MOST)
    disk_gb_month: float | None = option("What one GiB of the file systems costs in a month.", None, least=0, most=MOST)
    by: str = option(
        "What divides it: V(use) is what was used on average, V(limits) what containers may use at most, where they have a limit.",
        BY_USE,
        choices=(BY_USE, BY_LIMITS),
    )
    idle: str = option(
        "What nobody had is a line of its own (V(apart)), or divided like the rest (V(spread)).", APART, choices=(APART, SPREAD)
    )

    def check(self, key: str) -> None:
        """One way to say what it costs."""
        if problem := self.contradiction():
            raise ContractError(f"{key or 'prices'}: {problem}")

    @property
    def by_part(self) -> dict[str, float]:
        """The prices of parts that are given."""
        parts = {name: getattr(self, name) for name in ("cpu_hour", "memory_gb_month", "disk_gb_month")}
        return {name: price for name, price in parts.items() if price is not None}

    def contradiction(self) -> str:
        """What is wrong with the prices together; empty where nothing is."""
        if self.host_month is not None and self.by_part:
            return f"has host_month and {', '.join(self.by_part)}: write the price of the whole host, or those of its parts"
        if self.host_month is None and not self.by_part:
            return "has no price: write host_month, or cpu_hour and memory_gb_month"
        return ""


@dataclass(frozen=True)
class StackReport(Contract):
    """What a stack wants of the capacity report of its host."""

    monthly: bool = option(
        "Mail the report of the past month on the first day of each month, by the entries of kind C(email) in C(watchdog.alerts).", False
    )
    prices: Prices | None = option("What the host costs, for its stacks' shares; the same in all stacks of a host that write it.", None)


@dataclass(frozen=True)
class ReportSettings(Contract):
    """What C(opsctl report) needs to know of a host."""

    host: str = option("What the host is called: label C(instance) of its series.")
    prometheus: str = option("Address of the Prometheus that has its series, as this host reaches it.")
    monthly: tuple[str, ...] = option("Stacks whose people get the report by mail.", ())
    prices: Prices | None = option("What the host costs.", None)
