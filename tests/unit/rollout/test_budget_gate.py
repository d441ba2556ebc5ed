# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is left of error budgets decides about releases, and about nothing else; a real Prometheus says how much that is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.error_budget import SloSettings
from ansible_collections.latentum.ops.plugins.module_utils.contracts.routes import Routes
from ansible_collections.latentum.ops.plugins.module_utils.preflight import budgets
from ansible_collections.latentum.ops.plugins.module_utils.preflight.host import Host
from ansible_collections.latentum.ops.plugins.module_utils.release import listing
from ansible_collections.latentum.ops.plugins.module_utils.release.journal import Journal, RolloutInProgress
from ansible_collections.latentum.ops.plugins.module_utils.release.pinning import Declared, with_references, with_replicas
from ansible_collections.latentum.ops.plugins.module_utils.release.store import Store
from ansible_collections.latentum.ops.plugins.module_utils.rollout import service as service_module
from ansible_collections.latentum.ops.plugins.module_utils.rollout import table
from ansible_collections.latentum.ops.plugins.module_utils.rollout.argspec import ARGUMENTS, order_from
from ansible_collections.latentum.ops.plugins.module_utils.rollout.deployment import Deployment
from ansible_collections.latentum.ops.plugins.module_utils.rollout.host_actions import RolloutFailed
from ansible_collections.latentum.ops.plugins.module_utils.rollout.request import DeployFailed, Order
from ansible_collections.latentum.ops.plugins.module_utils.rollout.rerouting import Rerouting
from ansible_collections.latentum.ops.plugins.module_utils.slo import gate
from ansible_collections.latentum.ops.plugins.module_utils.watchdog import deployments
from ansible_collections.latentum.ops.plugins.modules.compose_rollout import carry_out

from ..free_ports import free_port
from ..slo.judge import needs_prometheus, objective
from ..slo.recorded_prometheus import budget, prometheus
from .played_host import PlayedHost, declared

EVENTS = 100_000
LEFT = {"full": 0.9, "half": 0.5, "warn": 0.31, "quarter": 0.25, "canary": 0.2, "tenth": 0.1, "spent": 0.05, "missed": -3.0}
ROUTED = {"name": "shop-api", "project": "shop", "service": "api", "port": 8080}
DNS = {"name": "shop-dns", "project": "shop", "service": "dns", "port": 53, "stream": {"port": 53}}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prometheus that has a month of each objective; a tenth of a percent of its requests may fail."""
    recorded = [one for name, left in LEFT.items() for one in budget(name, EVENTS, EVENTS * 0.001 * (1 - left), {"6h": 0.003})]
    recorded += budget("few", 10, 1)
    with prometheus(tmp_path_factory.mktemp("prometheus"), recorded) as running:
        yield running


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PlayedHost:
    return PlayedHost(tmp_path, monkeypatch)


def settings(address: str, *names: str, policy: dict[str, Any] | None = None, **more: Any) -> SloSettings:
    """Objectives of these names, asked at an address."""
    objectives = [objective(name=name, **more).to_dict() for name in names]
    return SloSettings.from_dict({"stack": "shop", "objectives": objectives, "prometheus": address, "policy": policy or {}})


def version(number: int, **policies: str) -> Declared:
    """A release of three services; a route leads to the first, a stream to the third."""
    images = {name: {"image": f"registry/{name}:{number}"} for name in ("api", "worker", "dns")}
    made = declared([{"service": name, "strategy": strategy} for name, strategy in policies.items()], **images)
    return replace(made, routes=Routes((ROUTED, DNS), {"shop": "server {}"}))


def steps() -> list[str]:
    return [str(entry["step"]) for entry in Journal("shop").read()]


def refused(host: PlayedHost, given: Declared, slo: SloSettings, **order: Any) -> str:
    """The refusal of a deployment that has done nothing at all."""
    before = (list(host.there), list(host.did), [release.id for release in Store("shop").all()])
    with pytest.raises(DeployFailed) as error:
        host.deploy(given, slo=slo, **order)
    assert (host.there, host.did, [release.id for release in Store("shop").all()]) == before
    return str(error.value)


@needs_prometheus
@pytest.mark.parametrize("name", [name for name, left in LEFT.items() if left >= 0.1])
def test_a_release_goes_out_as_long_as_a_tenth_is_left(host: PlayedHost, address: str, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    tried: list[str] = []
    monkeypatch.setattr(service_module.Rollout, "trial", lambda _self, plan, *_rest: tried.append(plan.service))
    host.deploy(version(1))
    outcome = host.deploy(version(2), slo=settings(address, name))
    assert Store("shop").live().id == outcome.release  # type: ignore[union-attr]
    assert tried == (["api"] if LEFT[name] < 0.25 else [])
    assert bool(outcome.budget) == (LEFT[name] <= 0.5)
    if outcome.budget:
        assert outcome.budget[0].startswith(f"error budget: {name} has {LEFT[name]:.1%} left, spent in")
        assert outcome.budget[0] in table.table(outcome)


@needs_prometheus
def test_below_a_tenth_a_release_is_refused_before_anything_is_done(host: PlayedHost, address: str) -> None:
    host.deploy(version(1))
    said = refused(host, version(2), settings(address, "full", "spent", "missed"))
    assert said.startswith("less than 10 % of the error budget is left: spent has 5.0% left")
    assert "missed has -300.0% left" in said and "full" not in said and "Nothing was changed" in said
    assert "ops_security_fix" in said and "--budget-override" in said
    assert steps()[-1] == "refused"


@needs_prometheus
def test_neither_a_backup_nor_an_image_comes_before_a_refusal(host: PlayedHost, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    host.deploy(version(1))
    monkeypatch.setattr("ansible_collections.latentum.ops.plugins.module_utils.rollout.deployment.run", None)
    monkeypatch.setattr("ansible_collections.latentum.ops.plugins.module_utils.release.pinning.pull", None)
    monkeypatch.setattr(host, "image", lambda _reference: None)
    monkeypatch.setattr(host, "remote_digest", lambda _reference: "sha256:2", raising=False)
    assert "is left" in refused(host, version(2), settings(address, "spent"), backup_max_age=60)


@needs_prometheus
def test_a_moved_tag_is_refused_although_nothing_else_is_declared(host: PlayedHost, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    host.deploy(version(1))
    monkeypatch.setattr(host, "remote_digest", lambda _reference: "sha256:moved", raising=False)
    monkeypatch.setattr("ansible_collections.latentum.ops.plugins.module_utils.release.pinning.pull", None)
    assert "is left" in refused(host, replace(version(1), pull="always"), settings(address, "spent"))


@needs_prometheus
def test_a_changed_route_alone_is_a_release_as_well(host: PlayedHost, address: str) -> None:
    host.deploy(version(1))
    other = replace(version(1), routes=Routes(({**ROUTED, "port": 9090}, DNS), {"shop": "server {}"}))
    assert "is left" in refused(host, other, settings(address, "spent"))


@needs_prometheus
def test_what_is_live_already_is_no_release(host: PlayedHost, address: str) -> None:
    """Also where a promotion has brought the digest that the tag of the declaration still is."""
    host.deploy(version(1))
    slo = settings(address, "spent")
    assert not host.deploy(version(1), slo=slo).changed
    pinned = with_references(version(1).project, {"api": "registry/api:1@sha256:1"})
    assert not host.deploy(replace(version(1), project=pinned), slo=slo).changed
    assert host.deploy(version(1), slo=slo, recreate=("api",)).changed  # what heals
    assert "refused" not in steps()


@needs_prometheus
def test_a_first_release_a_rollback_and_a_scale_are_never_refused(host: PlayedHost, address: str) -> None:
    slo = settings(address, "missed")
    first = host.deploy(version(1), slo=slo).release
    host.deploy(version(2))
    assert Deployment("shop", Order(kind="rollback", slo=slo)).rollback().release == first
    live = Store("shop").live()
    assert live is not None
    assert Deployment("shop", Order(kind="scale", slo=slo)).deploy(with_replicas(live, {"api": 2})).changed


@needs_prometheus
def test_what_fails_is_taken_back_whatever_is_left(host: PlayedHost, address: str) -> None:
    first = host.deploy(version(1)).release
    host.sick = {"api"}
    with pytest.raises(DeployFailed, match="taken back"):
        host.deploy(version(2), slo=settings(address, "missed"), passage=gate.passage("", "CVE-2026-1"))
    assert Store("shop").live().id == first  # type: ignore[union-attr]


@needs_prometheus
@pytest.mark.parametrize(
    ("override", "fix", "key", "severity"),
    [("the fix of the outage itself", "", "budget_override", "warning"), ("", "CVE-2026-1234", "security_fix", "info")],
)
def test_whoever_goes_past_a_budget_is_in_the_journal_and_told(
    host: PlayedHost, address: str, override: str, fix: str, key: str, severity: str
) -> None:
    host.deploy(version(1))
    outcome = host.deploy(version(2), slo=settings(address, "spent"), passage=gate.passage(override, fix))
    (entry,) = [entry for entry in Journal("shop").read() if entry.get("exemption")]
    assert (entry["exemption"], entry["reason"]) == (key, override or fix)
    assert (entry["release"], entry["kind"]) == (outcome.release, "deploy") and entry["who"]
    assert f"{entry['step']}: {override or fix}" in listing.history(Journal("shop").read()).replace("  ", " ")
    end = next(line for line in reversed(Journal("shop").read()) if line["step"] == "live")
    told = deployments.read("shop", end)
    assert dict(told.facts)["Budget"] == f"{entry['step']}: {override or fix}" and told.incident.severity == severity
    assert any(override or fix in line for line in outcome.budget)


@needs_prometheus
def test_an_exemption_that_is_not_needed_is_not_noted(host: PlayedHost, address: str) -> None:
    host.deploy(version(1))
    host.deploy(version(2), slo=settings(address, "full"), passage=gate.passage("because", ""))
    assert not [entry for entry in Journal("shop").read() if entry.get("exemption")]


@needs_prometheus
def test_a_security_fix_is_not_tried_by_a_canary_that_nobody_declared(
    host: PlayedHost, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_module.Rollout, "trial", None)
    host.deploy(version(1))
    host.deploy(version(2), slo=settings(address, "canary"), passage=gate.passage("", "CVE-2026-1"))
    assert [entry["exemption"] for entry in Journal("shop").read() if entry.get("exemption")] == ["security_fix"]


@needs_prometheus
def test_a_forced_canary_has_the_declared_rule_and_says_what_it_cannot_try(
    host: PlayedHost, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = {}
    monkeypatch.setattr(service_module.Rollout, "trial", lambda _self, plan, *_rest: rules.update({plan.service: plan.policy.trial}))
    host.deploy(version(1))
    slo = settings(address, "canary", policy={"canary": {"share": 7, "duration": 5, "on_low_traffic": "promote"}})
    outcome = host.deploy(version(2), slo=slo)
    assert {service: (rule.share, rule.duration, rule.on_low_traffic) for service, rule in rules.items()} == {"api": (7, 5, "promote")}
    assert "api: canary in place of rolling, since little of the error budget is left" in outcome.budget
    assert sum("no route leads to it" in line for line in outcome.budget) == 2
    live = Store("shop").live()
    assert live is not None and {policy.get("strategy") for policy in live.policies} <= {None, "rolling"}  # the next one is as declared
    host.deploy(version(3, api="recreate"), slo=slo)
    assert list(rules) == ["api"]


@needs_prometheus
def test_what_is_switched_with_its_routes_has_no_canary_and_says_so(
    host: PlayedHost, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever reads the table must not take it for tried: old and new answer for different paths."""
    host.deploy(version(1))
    site = "server { location /v2/ { proxy_pass http://shop-api; } }"
    moved = replace(version(2), routes=Routes((ROUTED, DNS), {"shop": site}))
    monkeypatch.setattr(Rerouting, "needed", property(lambda _self: True))
    monkeypatch.setattr(Rerouting, "together", lambda _self, plans: [plan for plan in plans if plan.service == "api"])
    outcome = Deployment("shop", Order(check=True, slo=settings(address, "canary"))).deploy(moved)
    assert outcome.forced == []
    assert "api: no canary, although little of the error budget is left: it is switched together with its routes" in outcome.budget
    assert not any("canary in place of" in line for line in outcome.budget)


@needs_prometheus
def test_what_a_forced_canary_refused_is_tried_again_once_there_is_budget(
    host: PlayedHost, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody asked for that trial: too little traffic for it says nothing about the release."""

    def too_little_traffic(*_given: Any) -> None:
        raise RolloutFailed("api: the canary is refused: not enough traffic")

    monkeypatch.setattr(service_module.Rollout, "trial", too_little_traffic)
    host.deploy(version(1))
    for said in ("not enough traffic", "failed before"):
        with pytest.raises(DeployFailed, match=said):
            host.deploy(version(2), slo=settings(address, "canary"))
    assert host.deploy(version(2), slo=settings(address, "full")).changed


@needs_prometheus
def test_an_interrupted_deployment_is_ended_by_canary_whatever_was_spent_meanwhile(
    host: PlayedHost, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []
    monkeypatch.setattr(service_module.Rollout, "trial", lambda _self, plan, *_rest: tried.append(plan.service))
    host.deploy(version(1))
    target = host.deploy(version(2)).release
    before = Deployment("shop", Order(kind="rollback")).rollback().release
    Journal("shop").keep(RolloutInProgress("killed", "deploy", target, before, "ada"))
    Store("shop").mark(target, "good")
    assert host.deploy(version(2), slo=settings(address, "spent")).release == target and tried == ["api"]


@needs_prometheus
def test_the_declared_bounds_decide(host: PlayedHost, address: str) -> None:
    host.deploy(version(1))
    assert "less than 40 %" in refused(
        host, version(2), settings(address, "warn", policy={"warn_below": 60, "canary_below": 50, "refuse_below": 40})
    )
    bounds = {"warn_below": 20, "canary_below": 4, "refuse_below": 0}
    assert "reliability work comes first" in host.deploy(version(2), slo=settings(address, "spent", policy=bounds)).budget


@needs_prometheus
@pytest.mark.parametrize("more", [{"burn_in": True}, {"burn_in_until": time.time() + 3600}])
def test_a_burn_in_decides_nothing(host: PlayedHost, address: str, more: dict[str, Any]) -> None:
    host.deploy(version(1))
    assert host.deploy(version(2), slo=settings(address, "missed", "unheard", policy={"unknown": "refuse"}, **more)).budget == []


@needs_prometheus
def test_a_burn_in_that_is_over_decides(host: PlayedHost, address: str) -> None:
    host.deploy(version(1))
    assert "is left" in refused(host, version(2), settings(address, "missed", burn_in_until=time.time() - 1))


@needs_prometheus
def test_one_failure_among_ten_requests_stops_no_release(host: PlayedHost, address: str) -> None:
    host.deploy(version(1))
    assert host.deploy(version(2), slo=settings(address, "few")).budget[0].endswith("left, of few events")


@needs_prometheus
def test_no_data_is_said_and_refuses_only_where_that_is_declared(host: PlayedHost, address: str) -> None:
    host.deploy(version(1))
    assert "nothing is measured of unheard" in refused(host, version(2), settings(address, "unheard", policy={"unknown": "refuse"}))
    said = host.deploy(version(2), slo=settings(address, "full", "unheard")).budget
    assert said == ["error budget unknown: nothing is measured of unheard", said[1]] and "does not hold up" in said[1]


def test_a_prometheus_that_is_away_is_said_and_refuses_only_where_that_is_declared(host: PlayedHost) -> None:
    host.deploy(version(1))
    away = f"http://127.0.0.1:{free_port()}"
    said = refused(host, version(2), settings(away, "full", policy={"unknown": "refuse"}))
    assert said.startswith("the error budget is not known: ") and f"{away}: cannot be asked" in said
    outcome = host.deploy(version(2), slo=settings(away, "full"))
    assert away in outcome.budget[0] and "cannot be asked" in outcome.budget[0]
    assert host.deploy(version(3), slo=settings("", "full")).budget == []


def test_without_objectives_nobody_is_asked(host: PlayedHost) -> None:
    host.deploy(version(1))
    assert host.deploy(version(2), slo=None).budget == []


@pytest.mark.parametrize("written", ["true", "Yes", "1", " ", "on"])
@pytest.mark.parametrize("key", ["budget_override", "security_fix"])
def test_an_exemption_without_a_reason_is_refused(written: str, key: str) -> None:
    with pytest.raises(ValueError, match=f"{key}: .* is no reason"):
        gate.passage(*((written, "") if key == "budget_override" else ("", written)))
    assert gate.passage("", "") is None


def test_the_arguments_of_the_module_become_a_gate_and_an_exemption() -> None:
    plain = {name: spec.get("default") for name, spec in ARGUMENTS.items()} | {"stack": "shop"}
    assert order_from(plain, check=False).slo is None and order_from(plain, check=False).passage is None
    given = {**plain, "slo": settings("http://127.0.0.1:9090", "full").to_dict(), "budget_override": "because"}
    order = order_from(given, check=False)
    assert order.slo == settings("http://127.0.0.1:9090", "full")
    assert order.passage == gate.Passage(gate.Exemption.OVERRIDE, "because")
    for wrong, said in (
        ({"security_fix": "yes"}, "security_fix: 'yes' is no reason"),
        ({"slo": {"stack": "shop"}}, "slo.objectives: is missing"),
    ):
        answer = carry_out({**given, **wrong}, check=True)
        assert answer["failed"] and said in answer["msg"]


def test_a_security_fix_goes_before_an_override() -> None:
    made = gate.passage("because", "CVE-2026-1\nand more")
    assert made is not None and made.exemption is gate.Exemption.SECURITY_FIX and "\n" not in made.reason


# The preflight: the same question, before a run has changed anything else.


class Nothing(Host):
    """A host of which only the engine is asked."""

    def __init__(self, engine: Any) -> None:
        self.__dict__["engine"] = engine


def wanted(given: Declared, slo: SloSettings | None, **more: Any) -> dict[str, Any]:
    return {
        "stack": {
            "name": "shop",
            "directory": given.directory,
            "project": given.project,
            "images": {},
            "environment": given.environment,
            "pull": given.pull,
            "built": [],
            "models": [],
            "slo": slo.to_dict() if slo else {},
            "security_fix": "",
            "budget_override": "",
            **more,
        }
    }


@needs_prometheus
def test_a_run_is_refused_before_its_first_change(host: PlayedHost, address: str) -> None:
    host.deploy(version(1))
    slo = settings(address, "spent")
    (problem,) = budgets.left(Nothing(host), wanted(version(2), slo))
    assert problem.key == "monitoring.budget" and "5.0% left" in problem.fix
    assert not list(budgets.left(Nothing(host), wanted(version(1), slo)))
    assert not list(budgets.left(Nothing(host), wanted(version(2), slo, security_fix="CVE-2026-1")))
    assert not list(budgets.left(Nothing(host), wanted(version(2), slo, built=["api"])))
    assert not list(budgets.left(Nothing(host), wanted(version(2), None)))
    for written in ("true", True):  # `-e` brings text, a file of variables what YAML makes of it
        (problem,) = budgets.left(Nothing(host), wanted(version(2), slo, budget_override=written))
        assert problem.key == "stack_budget_override" and "is no reason" in problem.problem


def test_a_bare_host_is_not_asked_about_budgets(host: PlayedHost) -> None:
    assert not list(budgets.left(Nothing(None), wanted(version(1), settings(f"http://127.0.0.1:{free_port()}", "spent"))))
