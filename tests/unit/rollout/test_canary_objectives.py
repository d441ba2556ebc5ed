# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objectives as judges of a canary, with a real Prometheus: they refuse what burns a budget, and nothing for want of a number."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from typing import Any, cast

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.compose.cli import Compose
from ansible_collections.latentum.ops.plugins.module_utils.contracts.canary import seen_after
from ansible_collections.latentum.ops.plugins.module_utils.contracts.error_budget import BudgetPolicy, SloSettings
from ansible_collections.latentum.ops.plugins.module_utils.contracts.rollout_policy import Policy
from ansible_collections.latentum.ops.plugins.module_utils.nginx.access_log import Figures
from ansible_collections.latentum.ops.plugins.module_utils.rollout import canary_objectives as module
from ansible_collections.latentum.ops.plugins.module_utils.rollout import service as rollout_module
from ansible_collections.latentum.ops.plugins.module_utils.rollout.canary import Verdict
from ansible_collections.latentum.ops.plugins.module_utils.rollout.canary_objectives import ObjectivesJudge, judge_of
from ansible_collections.latentum.ops.plugins.module_utils.rollout.host_actions import RolloutFailed, Site
from ansible_collections.latentum.ops.plugins.module_utils.rollout.plan import ServicePlan
from ansible_collections.latentum.ops.plugins.module_utils.rollout.service import Rollout
from ansible_collections.latentum.ops.plugins.module_utils.slo.windows import EVALUATION, pairs, shortest, threshold

from ..free_ports import free_port
from ..slo.judge import needs_prometheus, objective
from ..slo.recorded_prometheus import Recorded, now, prometheus
from .samples import container, release
from .test_service import FakeSite, old

WELL, ILL = Figures(900, 0, [0.01] * 900), Figures(100, 30, [0.01] * 100)
LATER, LONG = 180.0, 400.0  # seconds into a trial
# Of each objective: requests and failures within a minute, and within five. A tenth of a percent may fail; 1.44 % page.
RECORDED = {
    "burns": ((1000, 40), (5000, 40)),
    "well": ((1000, 1), (5000, 3)),
    "slowly": ((1000, 12), (5000, 60)),
    "few": ((10, 4), (50, 4)),
    "one": ((30, 2), (150, 2)),
    "always": ((1000, 40), (5000, 200)),
    "nobody": ((0, 0), (0, 0)),
}
OLD = {"old": ((1000, 400), (5000, 400))}


def recorded(name: str, numbers: tuple[tuple[int, int], tuple[int, int]], ends: int) -> list[Recorded]:
    """What the rules record, until so many seconds ago."""
    at = range(now() - 900, now() - ends + 1, 30)
    shown = []
    for window, (events, failed) in zip(("shortest", "5m"), numbers, strict=True):
        for kind, value in (("events", events), ("failed_events", failed)):
            labels = {"stack": "shop", "slo": name, "service": "api"}
            shown.append(Recorded(f"slo:{kind}:{window}", labels, [(moment, float(value)) for moment in at]))
    return shown


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    every = [one for name, numbers in RECORDED.items() for one in recorded(name, numbers, 0)]
    every += [one for name, numbers in OLD.items() for one in recorded(name, numbers, 600)]
    with prometheus(tmp_path_factory.mktemp("prometheus"), every) as running:
        yield running


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was recorded when the tests began counts, however long this machine takes for them."""
    monkeypatch.setattr(module, "FRESH", "1h")


def judge(address: str, *names: str, **more: Any) -> ObjectivesJudge:
    """The judge of service api, before anything was asked."""
    objectives = tuple(objective(name=name, **{"service": "api", **more}) for name in names)
    made = judge_of("api", SloSettings("shop", objectives, address), time.time())
    made.timeout = 60.0
    return made


@needs_prometheus
@pytest.mark.usefixtures("patient")
def test_a_canary_that_burns_a_budget_as_fast_as_pages_is_refused_with_the_objective(address: str) -> None:
    verdict = judge(address, "well", "burns").look(LATER, WELL, ILL)
    assert verdict.state == "bad" and "the budget of burns burns 40.0 times as fast as it allows" in verdict.reason


@needs_prometheus
@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("name", ["well", "slowly", "few", "one", "nobody", "missing"])
def test_what_burns_more_slowly_or_has_too_few_events_refuses_nothing(address: str, name: str) -> None:
    asked = judge(address, name)
    assert asked.look(LATER, WELL, ILL).state == "open"
    expected = "nothing was measured of" if name in ("nobody", "missing") else f"the budget of {name} burns"
    assert expected in asked.summary


@needs_prometheus
@pytest.mark.usefixtures("patient")
def test_what_has_burnt_before_is_not_the_doing_of_the_canary(address: str) -> None:
    asked = judge(address, "always")
    asked.begin()
    assert asked.look(LONG, WELL, ILL).state == "open" and "as before" in asked.summary
    # The same without having looked before.
    assert judge(address, "always").look(LONG, WELL, ILL).state == "bad"


@needs_prometheus
@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize(
    ("before", "after", "state"),
    [
        # A database that is away strikes both; neither is an old version that fails more often a reason.
        (Figures(900, 270), Figures(100, 31), "open"),
        (Figures(900, 500), Figures(100, 10), "open"),
        (Figures(900, 0), Figures(100, 0), "open"),
        (Figures(900, 0), Figures(0, 0), "open"),
        (Figures(0, 0), Figures(100, 31), "bad"),
        (Figures(900, 2), Figures(100, 31), "bad"),
    ],
)
def test_what_both_versions_suffer_from_refuses_nothing(address: str, before: Figures, after: Figures, state: str) -> None:
    assert judge(address, "burns").look(LATER, before, after).state == state


@needs_prometheus
@pytest.mark.usefixtures("patient")
def test_of_latency_it_counts_who_is_slow(address: str) -> None:
    about = {"indicator": "latency", "below": 0.3}
    slow = Figures(100, 0, [0.01] * 60 + [0.5] * 40)
    assert judge(address, "burns", **about).look(LATER, WELL, slow).state == "bad"
    assert judge(address, "burns", **about).look(LATER, slow, slow).state == "open"
    assert judge(address, "burns", **about).look(LATER, WELL, Figures(100, 30, [0.01] * 100)).state == "open"


@needs_prometheus
def test_what_is_recorded_no_more_says_nothing(address: str) -> None:
    """Prometheus answers and evaluates nothing: a number of ten minutes ago is of the version before."""
    asked = judge(address, "old")
    assert asked.look(LATER, WELL, ILL).state == "open" and "nothing was measured of old" in asked.summary


def test_nobody_is_asked_before_a_window_lies_within_the_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(ObjectivesJudge, "_ask", lambda _judge, window: asked.append(window) or {})
    made = judge("http://127.0.0.1:9", "burns")
    least = seen_after(15)
    for elapsed in (0.0, 60.0, least - 1, least, 344.0, 345.0):
        made.look(elapsed, WELL, ILL)
    assert asked == ["shortest", "shortest", "5m"]
    assert least == shortest(objective()) + objective().scrape_interval + EVALUATION
    assert seen_after(60) == shortest(objective(scrape_interval=60)) + 60 + EVALUATION


def test_the_pace_is_that_of_the_alert_that_pages() -> None:
    assert threshold(objective(), module._factor(objective())) == pytest.approx(0.0144)
    week = objective(window=7 * 86400)
    assert module._factor(week) == next(pair.factor for pair in pairs(week) if pair.page) < 14.4


@pytest.mark.parametrize("hangs", [False, True])
def test_a_prometheus_that_is_gone_or_hangs_refuses_nothing_and_is_left_alone_for_a_while(hangs: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        made = judge(f"http://127.0.0.1:{server.getsockname()[1] if hangs else free_port()}", "burns")
        made.timeout = 0.2
        made.begin()
        assert made.look(LATER, WELL, ILL).state == "open"
        assert made.silent and made.summary.startswith("no objective was asked: ")
        made.silent = ""
        assert made.look(LATER + 5, WELL, ILL).state == "open" and made.silent == ""
        made.look(LATER + module.REST, WELL, ILL)
        assert made.silent


@pytest.mark.parametrize(
    "more",
    [
        {"service": "worker"},
        {"subject": "probe", "unit": "minutes", "target": "api"},
        {"subject": "job", "target": "train", "indicator": "success"},
        {"burn_in": True},
        {"burn_in_until": time.time() + 86400},
    ],
)
def test_only_what_decides_about_requests_to_the_service_is_asked(more: dict[str, Any]) -> None:
    made = judge("http://127.0.0.1:9", "burns", **more)
    assert made.objectives == () and made.look(LATER, WELL, ILL).state == "open"
    assert "none is about its requests" in made.summary


def test_without_objectives_or_an_address_nobody_is_asked() -> None:
    assert judge_of("api", None, time.time()).objectives == ()
    made = judge("", "burns")
    made.begin()
    assert made.look(LATER, WELL, ILL).state == "open" and "monitoring.prometheus" in made.summary


def test_it_waits_no_longer_than_the_policy_allows_and_never_long() -> None:
    for timeout, expected in ((1, 1.0), (60, module.TIMEOUT)):
        settings = SloSettings("shop", (objective(service="api"),), "http://127.0.0.1:9", BudgetPolicy(timeout=timeout))
        assert judge_of("api", settings, time.time()).timeout == expected


@needs_prometheus
@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize(
    ("names", "wanted", "refused"),
    [(("burns",), True, True), (("burns",), False, False), (("well",), True, False), (None, True, False)],
)
def test_the_trial_of_a_rollout(
    monkeypatch: pytest.MonkeyPatch, address: str, names: tuple[str, ...] | None, wanted: bool, refused: bool
) -> None:
    """Nginx finds nothing wrong; None is a Prometheus that is gone."""
    said: list[str] = []
    site = FakeSite(*old(), container(3))
    monkeypatch.setattr(site, "step", lambda text, **_more: said.append(text))
    monkeypatch.setattr(rollout_module, "judge", lambda *_given, over: Verdict("good" if over else "open", "seen"))
    monkeypatch.setattr(rollout_module, "FLUSHED", 0.0)
    monkeypatch.setattr(Rollout, "assert_healthy", lambda *_given: None)
    monkeypatch.setattr(FakeSite, "addresses", lambda *_given: [], raising=False)
    monkeypatch.setattr(FakeSite, "routed", lambda *_given: [])
    look = ObjectivesJudge.look
    monkeypatch.setattr(ObjectivesJudge, "look", lambda made, _elapsed, _old, _new: look(made, LATER, WELL, ILL))
    objectives = tuple(objective(name=name, service="api") for name in names or ("burns",))
    slo = SloSettings("shop", objectives, address if names else f"http://127.0.0.1:{free_port()}", BudgetPolicy(timeout=60))
    rule = {"duration": 0.0, **({"objectives": True} if wanted else {})}
    plan = ServicePlan("api", "replace", Policy.from_dict({"service": "api", "strategy": "canary", "canary": rule}), 2)
    tried = Rollout(cast(Site, site), release(), cast(Compose, None), slo=slo)
    if refused:
        with pytest.raises(RolloutFailed, match="the canary is refused: the budget of burns burns"):
            tried.trial(plan, old(), [container(3)])
    else:
        tried.trial(plan, old(), [container(3)])
        assert said[-1].startswith("canary passed: seen")
        assert ("no objective was asked" in said[-1]) is (names is None) and ("the budget of well" in said[-1]) is (names == ("well",))
