# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a host as data: what a host hands over, and what all forms of it are made of."""

from __future__ import annotations

from dataclasses import dataclass

from ..contracts.base import Contract, option

VERSION = 1
BYTES, COUNT, SECONDS = "bytes", "count", "seconds"


@dataclass(frozen=True)
class Resource(Contract):
    """Something that can be full, or end. Times in seconds since the epoch."""

    kind: str = option("What it is: disk, inodes, memory, connections, certificate, backup.")
    name: str = option("Which one.")
    unit: str = option("Of all its numbers.", BYTES)
    used: float | None = option("The peak of the last day.", None)
    capacity: float | None = option("At which it is full.", None)
    outlook: str = option("What will become of it, an Outlook, or V(ends) of what has a date.", "no_data")
    reason: str = option("Why there is no date, or what part of the time it is made of.", "")
    per_day: float | None = option("Change in a day by the trend.", None)
    per_day_low: float | None = option("In 95 of 100 cases it is not less.", None)
    per_day_high: float | None = option("Nor more.", None)
    residual: float | None = option("Half of the days are off the trend by less.", None)
    earliest: float | None = option("It is not full before.", None)
    expected: float | None = option("It is full then by the middle of the trend.", None)
    latest: float | None = option("It is full by then.", None)
    beyond: float | None = option("What is later cannot be told.", None)
    now: float | None = option("The trend at the end of the time.", None)
    days: int = option("Days, or peaks, that the trend is made of.", 0)
    history: tuple[tuple[float, ...], ...] = option("Time and value of each day's peak.", ())


@dataclass(frozen=True)
class Advice(Contract):
    """What a limit should be."""

    kind: str = option("keep, raise, lower, set, tight or unknown.")
    value: float | None = option("The limit that fits.", None)
    reason: str = option("Why.", "")


@dataclass(frozen=True)
class ServiceUse(Contract):
    """What the containers of a service used: of each moment the one that used most, as a limit holds for each alone."""

    stack: str = option("Its stack; empty for containers that belong to none.")
    service: str = option("The service.")
    containers: int = option("Containers at the end of the time.", 0)
    days: float = option("Days from when it was first seen.", 0)
    cpu_limit: float | None = option("Processors.", None)
    cpu_mean: float = option("Processors, all containers together.", 0)
    cpu_p99: float = option("Processors, over five minutes.", 0)
    cpu_peak: float = option("The same.", 0)
    throttled: float | None = option("Share of the periods in which it was held back.", None)
    memory_limit: float | None = option("Bytes.", None)
    memory_mean: float = option("Bytes, all containers together.", 0)
    memory_p99: float = option("Bytes, without cached files that nobody has used lately.", 0)
    memory_peak: float = option("The same.", 0)
    ooms: int = option("Kills for lack of memory.", 0)
    network: float | None = option("Bytes in a second on average, both ways.", None)
    requests: float | None = option("Requests by routes; nothing where nobody counts them.", None)
    cpu: Advice = option("About its processor limit.", Advice("unknown"))
    memory: Advice = option("About its memory limit.", Advice("unknown"))
    idle: str = option("Why it seems to do nothing; empty where it does something.", "")


@dataclass(frozen=True)
class CostRow(Contract):
    """What one stack costs in a month."""

    name: str = option("The stack, or what is none.")
    cpu: float = option("Its share of the processors.", 0)
    memory: float = option("Its share of the memory.", 0)
    amount: str = option("In the currency, as a decimal number.", "0.00")


@dataclass(frozen=True)
class Cost(Contract):
    """What the host costs in a month. The rows add up to it."""

    currency: str = option("The currency.")
    total: str = option("As a decimal number.")
    by: str = option("What divided it: use or limits.")
    rows: tuple[CostRow, ...] = option("The stacks, the host itself, what nobody had.", ())


@dataclass(frozen=True)
class Report(Contract):
    """All of it. Times in seconds since the epoch."""

    host: str = option("What the host is called.")
    start: float = option("Begin of the time.")
    end: float = option("Its end.")
    version: int = option("Of this form.", VERSION)
    measured: float = option("Share of the time that was measured.", 0)
    since: float | None = option("The first measured moment.", None)
    processors: float | None = option("Processors of the host.", None)
    memory: float | None = option("Bytes of its memory.", None)
    resources: tuple[Resource, ...] = option("What can be full.", ())
    services: tuple[ServiceUse, ...] = option("Who uses what.", ())
    cost: Cost | None = option("Where prices are declared.", None)
    notes: tuple[str, ...] = option("What to know of these numbers.", ())
