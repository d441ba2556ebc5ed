# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Limits that people were told to lower, and what went wrong when they did; and services that seem to do nothing."""

from __future__ import annotations

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.capacity.idle import idle
from ansible_collections.latentum.ops.plugins.module_utils.capacity.right_sizing import cpu_advice, memory_advice
from ansible_collections.latentum.ops.plugins.module_utils.capacity.use import Use, quantile

from .services import GIB, MIB, use

# (the service, the advice, bounds of its value in MiB, part of the reason)
MEMORY: dict[str, tuple[Use, str, tuple[float, float], str]] = {
    "it fits": (use(), "keep", (0, 0), ""),
    "far too much": (use(memory_limit=2 * GIB), "lower", (360, 400), "peak is 15% of the limit"),
    "a peak at its start, of which p99 knows nothing": (
        use(memory=[200 * MIB] * 999 + [1200 * MIB], memory_limit=2 * GIB), "lower", (1440, 1472), "peak is 59%",
    ),
    "killed again and again, so that it uses little": (
        use(memory=[40 * MIB] * 1000, ooms=60, floor=448 * MIB), "raise", (560, 576), "60 kills for lack of memory, at 448.0 MiB",
    ),
    "killed before its limit was raised": (
        use(memory=[300 * MIB] * 1000, ooms=3, floor=256 * MIB, memory_limit=GIB), "lower", (360, 368), "3 kills for lack of memory, below",
    ),
    "never below what it was killed at": (
        use(memory=[50 * MIB] * 1000, ooms=1, floor=GIB, memory_limit=4 * GIB), "lower", (1280, 1280), "1 kill for lack",
    ),
    "a runtime that fills its limit": (use(memory=[430 * MIB] * 1000), "tight", (0, 0), "96% of the limit, without a kill"),
    "no limit": (use(memory_limit=None), "set", (360, 368), "no limit"),
    "of yesterday": (use(days=1.5, memory_limit=8 * GIB), "unknown", (0, 0), "seen for 1.5 days, 7 are needed"),
    "of yesterday, and killed": (use(days=1.5, ooms=1, floor=448 * MIB), "raise", (560, 576), "1 kill for"),
    "a change that is worth nothing": (use(memory=[20 * MIB] * 1000, memory_limit=64 * MIB), "keep", (0, 0), ""),
}  # fmt: skip


@pytest.mark.parametrize("name", MEMORY)
def test_memory(name: str) -> None:
    service, kind, (least, most), reason = MEMORY[name]
    found = memory_advice(service)
    assert found.kind == kind and reason in found.reason, found
    assert (found.value is None) == (most == 0) and least <= (found.value or 0) / MIB <= most, found


# (the service, the advice, its value, part of the reason)
CPU: dict[str, tuple[Use, str, float | None, str]] = {
    "it fits": (use(), "keep", None, ""),
    "far too much": (use(cpu_limit=4.0), "lower", 0.55, "10% of the limit"),
    "bursts of milliseconds that no average has": (
        use(cpu=[0.1] * 1000, throttled=0.3, cpu_limit=0.5), "raise", 0.65, "held back in 30% of its periods, though p99",
    ),
    "held back now and then": (use(cpu=[0.05] * 1000, throttled=0.02, cpu_limit=1.0), "keep", None, ""),
    "a start that needs more": (use(cpu=[0.1] * 999 + [1.9], cpu_limit=2.0), "lower", 0.15, "its peak of 1.90 would take longer"),
    "no limit": (use(cpu_limit=None), "keep", None, "no limit"),
    "of yesterday": (use(days=2, cpu_limit=8.0), "unknown", None, "7 are needed"),
}  # fmt: skip


@pytest.mark.parametrize("name", CPU)
def test_processors(name: str) -> None:
    service, kind, value, reason = CPU[name]
    found = cpu_advice(service)
    assert (found.kind, found.value) == (kind, value) and reason in found.reason, found


STILL = {"cpu": [0.002] * 1000, "network": 80.0, "requests": 0.0}


@pytest.mark.parametrize(
    ("changed", "seems"),
    [
        ({}, True),
        ({"requests": None}, True),
        ({"requests": 3.0}, False),
        ({"cpu": [0.002] * 950 + [0.4] * 50}, False),
        ({"network": 90_000.0}, False),
        ({"network": None}, False),  # it shares a network with others, or has that of the host
        ({"days": 3.0}, False),
        ({"running": False}, False),
        ({"cpu": []}, False),
    ],
)
def test_idle(changed: dict[str, object], seems: bool) -> None:
    found = idle(use(**{**STILL, **changed}))
    assert bool(found) is seems
    if seems:
        assert "0.20 % of a processor" in found and ("no request" in found) == ("requests" not in changed)


def test_a_quantile_is_that_of_prometheus() -> None:
    assert quantile([], 0.99) == 0 and quantile([3.0], 0.99) == 3
    assert quantile([4.0, 1.0, 3.0, 2.0], 0.5) == 2.5 and quantile(list(map(float, range(101))), 0.99) == 99
