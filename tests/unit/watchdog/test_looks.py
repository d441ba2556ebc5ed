# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When each look is due, what is kept of it, and what follows for every subject."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, cast

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.containers.client import Container, Engine
from ansible_collections.latentum.ops.plugins.module_utils.contracts.watchdog_settings import HostSpec, SiteSpec, StackSpec
from ansible_collections.latentum.ops.plugins.module_utils.core import paths
from ansible_collections.latentum.ops.plugins.module_utils.core.process import CommandError, Result
from ansible_collections.latentum.ops.plugins.module_utils.nginx import traffic_plan
from ansible_collections.latentum.ops.plugins.module_utils.nginx.traffic_plan import Traffic
from ansible_collections.latentum.ops.plugins.module_utils.rollout import standby
from ansible_collections.latentum.ops.plugins.module_utils.watchdog import looks
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.findings import Death, Finding
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.looks import HOST, Looks, Observation, Token
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.picture import Picture
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.probes import host as host_checks
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.probes.containers import Reading
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.probes.host import Check
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.probes.sites import SiteReading
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.settings import Settings

from . import samples
from .samples import Clock, FakeEngine, Host, container, probe, service

host, clock = samples.host, samples.clock

SITE: Token = ("site", "shop", "example.com")
API: Token = ("probe", "api1", "http", "shop", "api")
DB: Token = ("probe", "db1", "tcp", "shop", "db")
WELL, FAILED = Reading("http", True), Reading("http", False, reason="http: no answer")


class Watch:
    """Looks at stack shop: an API that needs a database, and a site; what begins is only written down."""

    def __init__(self, clock: Clock, *there: Container, **stack: Any) -> None:
        self.clock = clock
        self.engine = FakeEngine(*(there or (container(1), container(1, "db"))))
        self.picture = Picture(["shop"])
        self.begun: list[Token] = []
        services = (service("api", needs=("db",), probes=(probe(),)), service("db", probes=(probe("tcp", interval=60),)))
        given = {"services": services, "sites": (SiteSpec("example.com", services=("api",)),), **stack}
        self.looks = Looks(Settings(HostSpec(), (StackSpec("shop", **given),)), self.picture, self.begin)
        self.looks._phase = lambda: 0.5
        self.look()

    def begin(self, token: Token, _look: Callable[[], Any]) -> None:
        self.begun.append(token)

    def look(self) -> None:
        self.picture.look(self.engine)
        self.looks.blind = ""

    def due(self, after: float = 0.0, *, engine: bool = True) -> list[Token]:
        """What begins so many seconds later."""
        self.clock.go(after)
        self.begun.clear()
        self.next = self.looks.schedule(cast(Engine, self.engine) if engine else None, self.clock.steady)
        return sorted(self.begun)

    def take(self, token: Token, value: Any, began: float | None = None) -> None:
        self.looks.take(Observation(token, self.clock.steady if began is None else began, value))

    def ended(self, *others: Token) -> None:
        """All looks but these come back, well."""
        for token in [one for one in self.looks._running if one not in others]:
            self.take(token, [] if token == HOST else SiteReading(True) if token == SITE else WELL)

    def found(self) -> dict[str, Finding]:
        return {one.key: one for one in self.looks.findings(self.clock.steady)}


@pytest.fixture
def watch(host: Host, clock: Clock) -> Watch:
    return Watch(clock)


# The schedule


def test_everything_is_looked_at_soon_but_not_in_step(watch: Watch) -> None:
    assert watch.due() == [] and watch.next == watch.clock.steady + 1
    assert watch.due(1) == [HOST, API, DB, SITE]


def test_each_look_has_its_own_interval_and_is_not_begun_while_it_runs(watch: Watch) -> None:
    watch.due()
    watch.due(1)
    assert watch.due(100) == []
    watch.ended()
    assert watch.due() == [HOST, API, DB, SITE]
    watch.ended()
    assert watch.next == watch.clock.steady + 1  # nothing was waiting while all of it ran
    assert watch.due(9.9) == [] and watch.next == pytest.approx(watch.clock.steady + 0.1)
    assert watch.due(0.1) == [HOST]
    watch.ended()
    assert watch.due(5) == [API]
    watch.ended()
    assert (watch.due(5), watch.due(10)) == ([HOST], [API, SITE])


@pytest.mark.parametrize(("phase", "wait"), [(0.0, 15 * 0.95), (1.0, 15 * 1.05)])
def test_two_containers_do_not_march_in_step(phase: float, wait: float, watch: Watch) -> None:
    watch.looks._phase = lambda: phase
    watch.due()
    watch.due(2)
    watch.ended()
    assert watch.looks._due[API] == pytest.approx(watch.looks._running.get(API, watch.clock.steady - (0 if phase else 2)) + wait)


def test_without_an_engine_only_containers_are_left_alone(watch: Watch) -> None:
    watch.due(engine=False)
    assert watch.due(2, engine=False) == [HOST, SITE]


@pytest.mark.parametrize("changes", [{"state": "exited"}, {"state": "paused"}, {"health": "starting"}])
def test_who_does_not_run_yet_is_not_probed(changes: dict[str, Any], watch: Watch) -> None:
    watch.engine.change("api1", **changes)
    watch.look()
    watch.due()
    assert watch.due(2) == [HOST, DB, SITE]


def test_who_is_gone_is_not_probed_any_more(watch: Watch) -> None:
    watch.due()
    watch.engine.there = []
    watch.look()
    watch.due()
    assert API not in watch.looks._due


def test_a_set_that_is_kept_warm_is_neither_probed_nor_judged(host: Host, clock: Clock) -> None:
    (host.state / "stacks" / "shop").mkdir()
    standby.put("shop", "api", standby.Warm(("api2",), 9e9))
    watch = Watch(clock, container(1), container(2, state="exited"), container(1, "db"))
    watch.due()
    watch.take(API, WELL)
    assert watch.found()["shop/api"].state == "ok"
    watch.engine.change("api2", state="running")
    watch.look()
    watch.due()
    assert "api2" not in {token[1] for token in watch.due(2) if token != HOST}


@pytest.mark.parametrize(
    ("key", "token"),
    [
        ("shop/api", API),
        ("shop/db", DB),
        ("shop/site:example.com", SITE),
        ("shop/certificate:example.com", SITE),
        ("host/docker", HOST),
        ("host/disk /", HOST),
    ],
)
def test_a_suspect_is_looked_at_at_once(key: str, token: Token, watch: Watch) -> None:
    watch.due()
    watch.due(1)
    watch.ended()
    watch.due()
    watch.ended()
    watch.looks.hurry(key, watch.clock.steady + 1)
    assert watch.due(0.9) == [] and watch.next == pytest.approx(watch.clock.steady + 0.1)
    assert watch.due(0.1) == [token]


def test_a_hurry_puts_nothing_off(watch: Watch) -> None:
    watch.due()
    watch.looks.hurry("shop/api", watch.clock.steady + 50)
    assert API in watch.due(1)


def test_what_is_fresh_was_begun_since(watch: Watch) -> None:
    since = watch.clock.steady
    assert watch.looks.fresh("shop/api", since)  # nobody looks at it at all
    watch.due()
    assert not watch.looks.fresh("shop/api", since)
    watch.take(API, WELL, since - 1)
    assert not watch.looks.fresh("shop/api", since)
    watch.take(API, FAILED, since)
    assert watch.looks.fresh("shop/api", since) and not watch.looks.fresh("shop/db", since)


def test_the_host_is_fresh_when_it_was_looked_at_since(watch: Watch) -> None:
    """A site that fails with nginx waits for the look at nginx."""
    watch.due()
    watch.due(1)
    since = watch.clock.steady + 0.5
    assert not watch.looks.fresh("host/nginx", since)
    watch.take(HOST, [Check("nginx")], since - 1)
    assert not watch.looks.fresh("host/nginx", since)
    watch.take(HOST, [Check("nginx")], since)
    assert watch.looks.fresh("host/nginx", since)


# What is kept


def test_results_become_findings(watch: Watch) -> None:
    watch.take(API, FAILED)
    watch.take(SITE, SiteReading(False, 0.1, "answered 502"))
    watch.take(HOST, [Check("disk /", "warning", "90 %", "90 % are used"), Check("memory")])
    found = watch.found()
    assert [key for key, one in found.items() if one.failing] == ["host/disk /", "shop/api", "shop/site:example.com"]
    disk, api, site = (found[key] for key in ("host/disk /", "shop/api", "shop/site:example.com"))
    assert (disk.severity, disk.stack, disk.subject, disk.cause) == ("warning", "", "disk /", "90 % are used")
    assert (api.cause, api.seen) == ("shop-api-1: http: no answer", watch.clock.steady)
    assert (site.cause, site.needs, site.sure) == ("answered 502", ("host/docker", "host/nginx", "shop/api"), False)
    assert list(found) == ["host/disk /", "host/memory", "shop/db", "shop/api", "shop/site:example.com"]  # what others need comes first


def test_a_death_makes_older_readings_worthless(watch: Watch) -> None:
    watch.take(API, FAILED)
    watch.take(DB, WELL)
    watch.looks.begin_life("api1")
    assert list(watch.looks.readings) == [("db1", "tcp")]


def test_the_result_of_an_older_life_is_dropped(watch: Watch) -> None:
    watch.due()
    watch.due(1)
    watch.clock.go(1)
    watch.looks.begin_life("api1")
    watch.take(API, FAILED, watch.clock.steady - 1)
    assert watch.looks.readings == {}
    watch.take(API, WELL, watch.clock.steady + 1)
    assert watch.looks.readings["api1", "http"][1] == WELL


def test_a_first_failure_is_looked_at_again_soon_and_a_second_one_is_known_as_such(watch: Watch) -> None:
    watch.due()
    watch.due(1)
    watch.take(API, FAILED)
    watch.ended(API)
    assert not watch.looks.readings["api1", "http"][1].again
    assert watch.due(1.9) == [] and watch.due(0.1) == [API]
    watch.take(API, FAILED)
    assert watch.looks.readings["api1", "http"][1].again
    assert API not in watch.due(2)  # from here on as often as ever
    watch.take(API, WELL)
    watch.take(API, FAILED)
    assert not watch.looks.readings["api1", "http"][1].again


def test_a_life_that_begins_is_looked_at_at_once(watch: Watch) -> None:
    watch.due()
    watch.due(1)
    watch.ended()
    assert watch.due() == []
    watch.looks.begin_life("api1")
    assert watch.due() == [API]


def test_a_look_that_broke_says_nothing(watch: Watch) -> None:
    watch.due()
    watch.due(1)
    watch.take(HOST, [Check("memory")])
    for token in (HOST, API, SITE):
        watch.take(token, None)
    assert watch.looks.checks == [Check("memory")] and watch.looks.readings == {} and watch.looks.sites == {}


def test_what_is_gone_or_overcome_is_forgotten(watch: Watch) -> None:
    dying = container(2, state="exited")
    watch.engine.there += [dying, container(3, health="healthy", age=1), container(4, health="starting")]
    for number in range(1, 6):
        watch.looks.died(f"api{number}", Death(0, 1))
        watch.take(("probe", f"api{number}", "http", "shop", "api"), WELL)
    watch.look()
    watch.looks.forget_gone()
    assert sorted(watch.looks.deaths) == ["api2", "api4"]
    assert sorted(identity for identity, _name in watch.looks.readings) == ["api1", "api2", "api3", "api4"]


def test_a_scaled_service_is_judged_by_what_is_live(host: Host, watch: Watch) -> None:
    host.declare("shop", api=3, db=1)
    watch.looks.count_replicas()
    assert watch.found()["shop/api"].cause == "2 of 3 containers are missing"


def test_a_service_that_the_live_release_has_no_more_is_missed_by_nobody(host: Host, watch: Watch) -> None:
    """It was renamed by a rolling update; the settings of the watchdog come with the next site.yml."""
    watch.engine.there = [container(1, "db")]
    watch.look()
    assert watch.found()["shop/api"].state == "failing"
    host.declare("shop", gateway=1, db=1)
    watch.looks.count_replicas()
    assert watch.found()["shop/api"].state == "ok"


def test_a_probe_asks_at_the_port_of_the_live_release(host: Host, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise containers that are well are restarted after a rolling update that changed their port."""
    own = replace(probe(), options={"path": "/health", "port": 8080})
    watch = Watch(clock, services=(service("api", probes=(own, replace(probe("tcp"), options={"port": 8080}))),))
    asked: list[int] = []
    monkeypatch.setattr(looks.container_probes, "read", lambda spec, *_more: asked.append(spec.options["port"]))

    def look() -> list[int]:
        asked.clear()
        for _interval, begun in dict(watch.looks._wanted(cast(Engine, watch.engine))).values():
            if getattr(begun, "func", None) is looks.container_probes.read:
                begun()
        return asked

    assert look() == [8080, 8080]
    watch.take(API, FAILED)
    described = {"name": "shop", "services": [{"service": "api", "replicas": 1, "probe": {"path": "/health", "port": 9090}}]}
    (host.etc / "stacks/shop.json").write_text(json.dumps(described))
    watch.looks.count_replicas()
    assert look() == [9090, 9090]
    assert watch.looks.readings == {}  # what was seen at the port that is no more says nothing
    described["services"] = [{"service": "api", "replicas": 1, "probe": {"path": "/health", "port": 8080}}]
    (host.etc / "stacks/shop.json").write_text(json.dumps(described))
    watch.looks.count_replicas()
    assert look() == [8080, 8080]


@pytest.mark.parametrize(
    ("text", "why"),
    [("{", "Expecting"), ("[]", "list indices"), ('{"name": "shop"}', "'services' is missing"), ('{"name": 1, "services": []}', "no text")],
)
def test_a_description_that_cannot_be_read_changes_no_number(
    text: str, why: str, host: Host, watch: Watch, capsys: pytest.CaptureFixture[str]
) -> None:
    host.declare("shop", api=3, db=1)
    watch.looks.count_replicas()
    paths.STACKS.joinpath("other.json").write_text(text)
    watch.looks.count_replicas()
    assert watch.looks.replicas["shop", "api"] == 3
    said = capsys.readouterr()
    assert "other.json" in said.out + said.err and why in said.out + said.err


# Sites


def test_a_site_says_nothing_before_its_first_look(watch: Watch) -> None:
    assert "shop/site:example.com" not in watch.found()


def test_planned_maintenance_of_a_route_is_no_outage(host: Host, watch: Watch) -> None:
    watch.take(SITE, SiteReading(False, 0.1, "answered 503"))
    traffic_plan.put("shop", {"db": Traffic(maintenance=True)})
    assert watch.found()["shop/site:example.com"].failing
    traffic_plan.put("shop", {"api": Traffic(maintenance=True)})
    assert watch.found()["shop/site:example.com"].state == "ok"


@pytest.mark.parametrize(
    ("days", "state", "severity"),
    [(14, "ok", "warning"), (13, "failing", "warning"), (3, "failing", "warning"), (2, "failing", "critical"), (-1, "failing", "critical")],
)
def test_a_certificate_is_told_of_before_it_ends(days: int, state: str, severity: str, watch: Watch) -> None:
    watch.take(SITE, SiteReading(True, 0.1, "", watch.clock.wall + days * 86400 + 60))
    found = watch.found()
    assert found["shop/site:example.com"].state == "ok"
    one = found["shop/certificate:example.com"]
    assert (one.state, one.severity) == (state, severity) and f"ends in {days} days" in one.cause


# Blind


def test_without_docker_its_silence_is_the_finding_and_services_are_not_judged(watch: Watch) -> None:
    watch.take(HOST, [Check("docker"), Check("memory")])
    watch.looks.blind = "no answer"
    assert list(watch.found()) == ["host/docker", "host/memory"] and not watch.found()["host/docker"].failing  # it is just starting
    watch.clock.go(3)
    found = watch.found()
    assert list(found) == ["host/docker", "host/memory"]
    assert (found["host/docker"].severity, found["host/docker"].cause) == ("critical", "the Docker engine does not answer: no answer")
    watch.take(HOST, [Check("docker", "critical", "failed", "docker.service is failed"), Check("memory")])
    assert watch.found()["host/docker"].cause == "docker.service is failed"
    watch.looks.blind = ""
    assert list(watch.found())[-1] == "shop/api"


def test_everything_that_could_come_out_is_known(watch: Watch) -> None:
    watch.take(HOST, [Check("memory")])
    sites = {"shop/site:example.com", "shop/certificate:example.com"}
    assert set(watch.looks.known()) == {"shop/api", "shop/db", "host/memory", "host/docker", "host/clock jump", *sites}


# The host


def test_a_part_of_the_host_that_cannot_be_looked_at_hides_no_other(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_given: object) -> Any:
        raise CommandError(Result(("systemctl",), 1, "", ""), "failed")

    def unreadable(_spec: object) -> Iterator[Check]:
        yield from map(int, ["no such line"])  # ValueError, as soon as it is asked

    for name in ("disk_checks", "reboot_checks", "backup_checks"):
        monkeypatch.setattr(host_checks, name, lambda _spec, name=name: iter([Check(name)]))
    monkeypatch.setattr(host_checks, "memory_checks", unreadable)
    monkeypatch.setattr(watch.looks._units, "checks", broken)
    monkeypatch.setattr(watch.looks._nginx, "checks", lambda: iter([Check("nginx configuration")]))
    found = {one.name: one.state for one in watch.looks._look_at_host()}
    assert {name for name, state in found.items() if state == "warning"} == {"units", "memory"}
    assert {name for name, state in found.items() if state == "ok"} >= {"disk_checks", "nginx configuration", "backup_checks"}
