# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Error budgets: what is left, what follows for releases, and the arithmetic against events that are counted one by one."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.slo.budget import Budget, BudgetState, state_of, strictest

from .judge import Check, judged, listed, needs_promtool, objective, requests

DAY = 86400.0


@pytest.mark.parametrize(
    ("remaining", "state"),
    [
        (1.0, BudgetState.NORMAL), (0.51, BudgetState.NORMAL), (0.5, BudgetState.WARN), (0.25, BudgetState.WARN),
        (0.249, BudgetState.CANARY), (0.1, BudgetState.CANARY), (0.0999, BudgetState.REFUSE), (0.0, BudgetState.REFUSE),
        (-19.0, BudgetState.REFUSE), (None, BudgetState.UNKNOWN), (float("nan"), BudgetState.UNKNOWN), (float("-inf"), BudgetState.UNKNOWN),
        # A tenth that was computed is a little beside it.
        (1 - 0.0009 / 0.001, BudgetState.CANARY), (1 - 0.00075 / 0.001, BudgetState.WARN),
    ],
)  # fmt: skip
def test_what_is_left_says_what_follows(remaining: float | None, state: BudgetState) -> None:
    assert state_of(remaining) is state
    assert state_of(remaining, burn_in=True) is BudgetState.BURN_IN


def test_every_state_has_a_sentence() -> None:
    assert len({state.sentence for state in BudgetState}) == len(BudgetState)
    assert all(state.sentence for state in BudgetState)


def test_the_strictest_objective_decides_and_one_without_data_does_not() -> None:
    assert strictest([BudgetState.NORMAL, BudgetState.REFUSE, BudgetState.WARN]) is BudgetState.REFUSE
    assert strictest([BudgetState.UNKNOWN, BudgetState.BURN_IN, BudgetState.WARN]) is BudgetState.WARN
    assert strictest([BudgetState.UNKNOWN, BudgetState.BURN_IN]) is BudgetState.UNKNOWN
    assert strictest([]) is BudgetState.UNKNOWN


def test_the_document_s_budget_of_a_month() -> None:
    """99.9 % of 30 days is 43.2 minutes, 99.5 % is 3.6 hours."""
    assert round(Budget(0.001, 30 * DAY).downtime / 60, 6) == 43.2
    assert round(Budget(0.005, 30 * DAY).downtime / 3600, 6) == 3.6


def test_no_event_is_not_perfect() -> None:
    for budget in (Budget(0.001, DAY), Budget(0.001, DAY, 0.0, 0.0), Budget(0.001, DAY, None, 3), Budget(0.001, DAY, float("nan"), 0)):
        assert budget.error_ratio is None and budget.remaining is None and budget.forecast(1.0) is None


def test_a_budget_burns_until_it_is_spent() -> None:
    budget = Budget(0.01, 10 * DAY, 10_000, 25)
    assert budget.remaining == 0.75 and budget.allowed == 100
    assert budget.forecast(0.02) == pytest.approx(0.75 * 10 * DAY / 2)
    assert budget.forecast(0.01) is None and budget.forecast(0.0) is None and budget.forecast(None) is None
    assert Budget(0.01, DAY, 100, 2).forecast(0.0) == 0
    assert Budget(0.01, DAY, 100, -0.001).remaining == 1  # an increase that was extrapolated


@pytest.mark.parametrize(("seed", "pace"), [(1, 300), *(pytest.param(seed, 60, marks=pytest.mark.matrix) for seed in (1, 2, 3))])
@needs_promtool
def test_the_rules_count_what_was_counted_one_by_one(tmp_path: Path, seed: int, pace: int) -> None:
    """Two hosts, load that rises and falls, bad hours, an exporter that begins again; over a day and within one percent."""
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    minutes, window = 30 * 60, 1440
    events: list[tuple[int, bool]] = []
    inputs: dict[str, str] = {}
    for host in ("h1:9113", "h2:9113"):
        good, bad = [0.0], [0.0]
        for minute in range(1, minutes + 1):
            load = chance.randint(20, 60) + (60 if minute % 720 > 360 else 0)
            share = chance.choice([0.3, 0.05, 0.01]) if minute // 60 % 7 == 3 else 0.002
            failed = sum(chance.random() < share for _request in range(load))
            events += [(minute, False)] * (load - failed) + [(minute, True)] * failed
            reset = host == "h2:9113" and minute % 611 == 0
            good.append((0 if reset else good[-1]) + load - failed)
            bad.append((0 if reset else bad[-1]) + failed)
        inputs[requests("200", instance=host)] = listed(good)
        inputs[requests("500", instance=host)] = listed(bad)
    seen = [bad for minute, bad in events if minutes - window < minute <= minutes]
    total, failed = len(seen), sum(seen)
    remaining = Budget(0.05, DAY, total, failed).remaining
    assert remaining is not None and 0.1 < remaining < 0.9
    hour = [bad for minute, bad in events if minutes - 60 < minute <= minutes]

    def near(name: str, value: float) -> Check:
        return Check("30h", f"sum(abs({name} / {value!r} - 1) < bool 0.01)", 1)

    judged(
        tmp_path,
        [objective(percent=95, window=int(DAY), burn_in=True)],
        inputs,
        [
            near("slo:events:window", total),
            near("slo:failed_events:window", failed),
            near("slo:error_ratio:window", failed / total),
            near("slo:budget_remaining:ratio", remaining),
            near("slo:error_ratio:1h", sum(hour) / len(hour)),
        ],
        interval="1m",
        pace=pace,
    )
