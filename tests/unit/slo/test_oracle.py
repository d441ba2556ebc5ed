# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From requests, one by one, to what is left of a budget and what follows from it: every part between is the real one.

The oracle counts a list of requests; it knows nothing of counters, windows, rules or budgets.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import yaml
from ansible_collections.latentum.ops.plugins.module_utils.contracts.error_budget import SloSettings
from ansible_collections.latentum.ops.plugins.module_utils.contracts.objectives import Objective
from ansible_collections.latentum.ops.plugins.module_utils.slo import gate
from ansible_collections.latentum.ops.plugins.module_utils.slo.budget import BudgetState
from ansible_collections.latentum.ops.plugins.module_utils.slo.measured import measure
from ansible_collections.latentum.ops.plugins.module_utils.slo.rules import rule_groups
from ansible_collections.latentum.ops.plugins.module_utils.slo.source import Source

from .judge import needs_prometheus, objective
from .recorded_prometheus import Recorded, evaluate_rules, now, serving, write_blocks

# A quarter of the processor time of all unit tests. Without the matrix, test_budget.py, test_source.py and the gate's tests ask the same,
# part by part.
pytestmark = [needs_prometheus, pytest.mark.matrix]

SPAN, SCRAPE, QUIET = 6 * 3600, 15, 600
EXPECTED = {0.6: BudgetState.NORMAL, 0.3: BudgetState.WARN, 0.15: BudgetState.CANARY, 0.05: BudgetState.REFUSE}


@dataclass(frozen=True)
class Request:
    """One answered request.

    :param at: seconds since the beginning.
    """

    at: float
    host: str
    failed: bool


@dataclass(frozen=True)
class World:
    """What happened, and a Prometheus that saw it by its rules.

    :param end: seconds since the epoch.
    """

    requests: list[Request]
    objectives: list[Objective]
    address: str
    end: int

    def ratio(self, last: float = SPAN) -> float:
        """The share that failed."""
        seen = [request.failed for request in self.requests if request.at > SPAN - last]
        return sum(seen) / len(seen)


def load() -> list[Request]:
    """Two hosts with traffic that rises, a calm share of failures, and two bad hours of one host; quiet at both ends.

    The bad hours are bad by little: promtool leaves out a sample where one of its blocks ends, and that must not be worth a percent.
    """
    chance = random.Random(7)  # noqa: S311 - not for secrets
    requests = []
    for host in ("h1:3903", "h2:3903"):
        at = float(QUIET)
        while (at := at + chance.expovariate(2 + 2 * at / SPAN)) < SPAN - QUIET:
            bad = host == "h2:3903" and (3600 < at < 7200 or SPAN - 5000 < at < SPAN - 1400)
            requests.append(Request(at, host, chance.random() < (0.03 if bad else 0.01)))
    return requests


def counters(requests: list[Request], begin: int) -> Iterator[Recorded]:
    """What a Prometheus scrapes of it."""
    for host in ("h1:3903", "h2:3903"):
        for failed, code in ((False, "200"), (True, "502")):
            mine = sorted(request.at for request in requests if (request.host, request.failed) == (host, failed))
            labels = {"instance": host, "job": "latentum", "stack": "shop", "route": "a.example.com/", "service": "web", "code": code}
            points, seen = [], 0
            for scrape in range(0, SPAN + 1, SCRAPE):
                while seen < len(mine) and mine[seen] <= scrape:
                    seen += 1
                points.append((begin + scrape, float(seen)))
            yield Recorded("http_requests_total", {**labels, "method": "GET"}, points)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder, requests, end = tmp_path_factory.mktemp("prometheus"), load(), now()
    ratio = sum(request.failed for request in requests) / len(requests)
    wanted = {f"left-{100 * left:.0f}": 100 - 100 * ratio / (1 - left) for left in EXPECTED}
    objectives = [objective(name=name, percent=percent, window=86400) for name, percent in wanted.items()]
    write_blocks(folder, list(counters(requests, end - SPAN)))
    groups = [
        {**group, "rules": [rule for rule in group["rules"] if "record" in rule and not rule["record"].endswith(":2h")]}
        for group in rule_groups(objectives)
    ]
    first = [{**group, "rules": [rule for rule in group["rules"] if "http_requests_total" in rule["expr"]]} for group in groups]
    evaluate_rules(folder, yaml.safe_dump({"groups": [group for group in first if group["rules"]]}), end - SPAN, end)
    evaluate_rules(folder, yaml.safe_dump({"groups": groups}), end - 240, end)
    with serving(folder) as address:
        yield World(requests, objectives, address, end)


def test_budgets_and_burn_rates_are_those_of_the_requests(world: World) -> None:
    for left, entry in zip(EXPECTED, measure(world.objectives, Source(world.address), world.end), strict=True):
        budget, share = entry.budget, entry.objective.budget
        assert budget.events == pytest.approx(len(world.requests), rel=0.01)
        assert budget.failed == pytest.approx(sum(request.failed for request in world.requests), rel=0.01)
        assert budget.error_ratio == pytest.approx(world.ratio(), rel=0.01)
        assert budget.remaining == pytest.approx(left, abs=0.01)
        assert entry.burn_rates["1h"] == pytest.approx(world.ratio(3600) / share, rel=0.01)
        assert entry.burn_rates["6h"] == pytest.approx(world.ratio() / share, rel=0.01)
        pace = world.ratio() / share
        ends = left * 86400 / pace if pace > 1 else None
        assert entry.spent_in == (None if ends is None else pytest.approx(ends, abs=0.015 * 86400 / pace))


def test_what_follows_for_a_release_is_what_is_left(world: World) -> None:
    for (left, state), one in zip(EXPECTED.items(), world.objectives, strict=True):
        ruling = gate.ask(SloSettings("shop", (one,), world.address), now=world.end)
        assert ruling.state is state
        assert bool(ruling.refusal) == (left < 0.1) and (ruling.canary is not None) == (left < 0.25)
    together = gate.ask(SloSettings("shop", tuple(world.objectives), world.address), now=world.end)
    assert together.state is BudgetState.REFUSE and "left-5 has" in together.refusal and "left-15" not in together.refusal
