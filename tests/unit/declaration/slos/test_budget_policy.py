# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What follows from error budgets, as it is declared: what reaches a host, and what is refused with which words."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.base import ContractError
from ansible_collections.latentum.ops.plugins.module_utils.contracts.error_budget import BudgetPolicy, SloSettings
from ansible_collections.latentum.ops.plugins.module_utils.declaration import loader
from ansible_collections.latentum.ops.plugins.module_utils.declaration.slos.derive import slo_settings

from ..samples import changed

SLO: dict[str, Any] = {"name": "api", "route": "app.example.com/", "availability": 99.9}
OWN = "http://127.0.0.1:9090"


def stack(monitoring: Any = None, **more: Any) -> dict[str, Any]:
    """A declaration of one objective."""
    return changed(("slos", [{**SLO, **more}]), *([("monitoring", monitoring)] if monitoring is not None else []))


def derived(monitoring: Any = None, **more: Any) -> SloSettings:
    return SloSettings.from_dict(slo_settings(loader.load(stack(monitoring, **more))))


def test_a_host_gets_objectives_address_and_policy() -> None:
    made = derived({"prometheus": f"{OWN}/", "budget": {"refuse_below": 5, "canary": {"share": 20, "duration": "5m"}, "timeout": "2s"}})
    assert (made.stack, [one.name for one in made.objectives], made.prometheus) == ("acme", ["api"], OWN)
    policy = made.policy
    assert (policy.warn_below, policy.canary_below, policy.refuse_below, policy.unknown, policy.timeout) == (50, 25, 5, "release", 2)
    assert (policy.trial.share, policy.trial.duration, policy.trial.min_requests) == (20, 300, 100)


def test_without_a_word_the_bounds_are_those_of_the_document_and_nobody_is_asked() -> None:
    made = derived()
    assert made.policy == BudgetPolicy(50, 25, 10) and made.prometheus == "" and made.policy.trial.share == 10
    assert slo_settings(loader.load(changed(("monitoring", {"prometheus": OWN})))) == {}


@pytest.mark.parametrize(
    "address",
    [OWN, "http://localhost:9090", "http://[::1]:9090/prometheus", "http://127.5.0.1:1", "https://metrics.example.com/select/0/prometheus"],
)
def test_an_address_of_this_host_or_with_tls_is_taken(address: str) -> None:
    assert derived({"prometheus": address}).prometheus == address
    assert derived({"prometheus": f"{address}/api/v1"}).prometheus == address


@pytest.mark.parametrize("written", ["2026-12-15", datetime.date(2026, 12, 15)])
def test_a_burn_in_ends_with_the_beginning_of_a_day(written: Any) -> None:
    """YAML makes a date of what is not quoted."""
    (one,) = derived(burn_in_until=written).objectives
    end = datetime.datetime(2026, 12, 15, tzinfo=datetime.UTC).timestamp()
    assert one.burns_in(end - 1) and not one.burns_in(end) and one.to_dict()["burn_in_until"] == end
    (plain,) = derived().objectives
    assert not plain.burns_in(0) and "burn_in_until" not in plain.to_dict()  # what hosts and rules have stays as it was


def budget(**given: Any) -> dict[str, Any]:
    return {"prometheus": OWN, "budget": given}


# (monitoring, more of the objective, key of the error, a part of what is wrong, a part of what to write instead)
REFUSED: list[tuple[Any, dict[str, Any], str, str, str]] = [
    ({"prometheus": "127.0.0.1:9090"}, {}, "monitoring.prometheus", "not the address", "http://"),
    ({"prometheus": "ftp://127.0.0.1"}, {}, "monitoring.prometheus", "not the address", "http://"),
    ({"prometheus": "http://user:secret@127.0.0.1:9090"}, {}, "monitoring.prometheus", "not the address", "http://"),
    ({"prometheus": "http://10.0.0.5:9090"}, {}, "monitoring.prometheus", "without TLS", "http://127.0.0.1:9090"),
    ({"prometheus": "http://metrics.example.com"}, {}, "monitoring.prometheus", "without TLS", "https://"),
    ({"prometheus": "http://127.0.0.1.example.com"}, {}, "monitoring.prometheus", "without TLS", "https://"),
    ({"prometheus": "http://127.0.0.1:99999"}, {}, "monitoring.prometheus", "not the address", "65535"),
    ({"prometheus": "http://[::1"}, {}, "monitoring.prometheus", "not the address", "port"),
    ({"prometheus": f"{OWN}/?x=1"}, {}, "monitoring.prometheus", "has a query", "/api/v1"),
    ({"prometheus": 9090}, {}, "monitoring.prometheus", "must be a string", "such as http://127.0.0.1:9090"),
    ({"prometheus": [OWN]}, {}, "monitoring.prometheus", "must be a string", "in quotes"),
    ({"promethues": OWN}, {}, "monitoring.promethues", "not a key", "did you mean prometheus?"),
    ({"budget": 10}, {}, "monitoring.budget", "must be a mapping", "refuse_below"),
    ({"budget": [10]}, {}, "monitoring.budget", "must be a mapping", "refuse_below"),
    (budget(refuse=10), {}, "monitoring.budget.refuse", "not a key", "did you mean refuse_below?"),
    (budget(refuse_below=101), {}, "monitoring.budget.refuse_below", "from 0 to 100", "10"),
    (budget(refuse_below=-1), {}, "monitoring.budget.refuse_below", "from 0 to 100", "10"),
    (budget(refuse_below="ten"), {}, "monitoring.budget.refuse_below", "number", "10"),
    (budget(refuse_below="nan"), {}, "monitoring.budget.refuse_below", "number", "10"),
    (budget(refuse_below=True), {}, "monitoring.budget.refuse_below", "must be a string", "10"),
    (budget(refuse_below=30), {}, "monitoring.budget.refuse_below", "more than canary_below, which is 25", "at most 25"),
    (budget(canary_below=60), {}, "monitoring.budget.canary_below", "more than warn_below, which is 50", "at most 50"),
    (budget(warn_below=20), {}, "monitoring.budget.canary_below", "more than warn_below, which is 20", "at most 20"),
    (budget(unknown="block"), {}, "monitoring.budget.unknown", "must be one of release, refuse", "release"),
    ({"budget": {"unknown": "refuse"}}, {}, "monitoring.budget.unknown", "no monitoring.prometheus is named", "add prometheus"),
    (budget(timeout="5m"), {}, "monitoring.budget.timeout", "between 1s and 1m", "between"),
    (budget(timeout="soon"), {}, "monitoring.budget.timeout", "not a duration", "such as"),
    (budget(canary=True), {}, "monitoring.budget.canary", "must be a mapping", "share"),
    (budget(canary={"share": 80}), {}, "monitoring.budget.canary.share", "within its limits", "from 1 to 50"),
    (budget(canary={"strategy": "canary"}), {}, "monitoring.budget.canary.strategy", "not a key", ""),
    (budget(canary={"quality": {"path": "/q"}}), {}, "monitoring.budget.canary.quality", "not a key", ""),
    (budget(canary={"on_low_traffic": "wait"}), {}, "monitoring.budget.canary.on_low_traffic", "must be one of", "abort"),
    (None, {"burn_in_until": "tomorrow"}, "slos[0].burn_in_until", "not a day", "2026-12-15"),
    (None, {"burn_in_until": "2026-02-30"}, "slos[0].burn_in_until", "not a day", "2026-12-15"),
    (None, {"burn_in_until": "15.12.2026"}, "slos[0].burn_in_until", "not a day", "2026-12-15"),
    (None, {"burn_in_until": "20261215"}, "slos[0].burn_in_until", "not a day", "2026-12-15"),
    (None, {"burn_in_until": True}, "slos[0].burn_in_until", "must be a string", "2026-12-15"),
    (None, {"burn_in_until": 1797292800}, "slos[0].burn_in_until", "must be a string", "2026-12-15"),
    (None, {"burn_in_until": "2026-12-15", "burn_in": True}, "slos[0].burn_in_until", "says when it ends", "remove one"),
    (None, {"burn_in": "2026-12-15"}, "slos[0].burn_in", "true or false", "without quotes"),
]


@pytest.mark.parametrize(("monitoring", "more", "key", "wrong", "fix"), REFUSED)
def test_what_cannot_be_is_refused(monitoring: Any, more: dict[str, Any], key: str, wrong: str, fix: str) -> None:
    found = loader.problems(stack(monitoring, **more))
    assert [problem.key for problem in found] == [key], loader.report(found)
    assert wrong in found[0].problem and fix in found[0].fix, str(found[0])
    assert "secret" not in str(found[0])


@pytest.mark.parametrize("place", ["prometheus", "budget"])
@pytest.mark.parametrize("value", ["", [], {}, 0, -1, True, "x" * 400, "{{ x }}", float("inf"), 10**400, {"a": 1}, "\0", "http://"])
def test_no_value_is_a_traceback(place: str, value: Any) -> None:
    for monitoring in ({place: value}, {"budget": {"canary": value}}, {"budget": {"refuse_below": value}}):
        for problem in loader.problems(stack(monitoring)):
            assert problem.key and problem.problem and problem.fix


def test_bounds_of_a_hand_over_rise_as_well() -> None:
    with pytest.raises(ContractError, match="must rise"):
        BudgetPolicy.from_dict({"refuse_below": 30})
