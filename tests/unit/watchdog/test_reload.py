# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SIGHUP: other settings, and what must outlive the change."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, cast

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.containers.client import Engine
from ansible_collections.latentum.ops.plugins.module_utils.core.locks import holder
from ansible_collections.latentum.ops.plugins.module_utils.nginx import out_of_rotation
from ansible_collections.latentum.ops.plugins.module_utils.watchdog import privileged_requests
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.daemon import Daemon
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.stream import Connected

from . import lives, samples
from .lives import API, Days
from .samples import container, throw

host, clock, life = samples.host, samples.clock, lives.life


def test_reading_the_settings_again_keeps_incidents_and_tries(life: Days) -> None:
    life.dies()
    life.pass_by(2)
    (incident,), tries = life.open, [*life.daemon.runtime.healer.record(API).tries]
    life.daemon._signal(stop=False)
    life.pass_by(2)
    assert "watchdog: settings were read again" in life.said
    assert life.open == [incident] and life.told == [f"open {API}"]
    assert list(life.daemon.runtime.healer.record(API).tries)[: len(tries)] == tries
    life.change(state="running", health="healthy")
    life.pass_by(11)
    assert life.told == [f"open {API}", f"end {API}"]


def test_a_remedy_that_runs_while_the_settings_are_read_again_is_not_lost(life: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hands outlive the settings, and their answer finds the incident."""
    hands = life.daemon.runtime.remedy_pool
    begun: list[Callable[[], object]] = []

    def later(work: Callable[..., Any], *given: Any) -> Future[Any]:
        future: Future[Any] = Future()
        begun.append(lambda: future.set_result(work(*given)))
        return future

    with monkeypatch.context() as patched:
        patched.setattr(hands, "submit", later)
        life.dies()
        life.pass_by(1)
        life.daemon._signal(stop=False)
        life.pass_by(1)
    assert life.daemon.runtime.remedy_pool is hands and life.daemon.runtime.healer.record(API).in_flight == {"api1"}
    (finish,) = begun
    finish()
    life.pass_by(1)
    assert life.daemon.runtime.healer.record(API).in_flight == set()
    assert [what for _at, what in life.open[0].done] == ["started shop-api-1"]


def test_what_is_declared_anew_is_watched_without_another_connection(life: Days) -> None:
    life.host.declare("blog", web=1)
    life.host.watch("blog", services=[{"service": "web", "replicas": 1}])
    life.engine.there.append(container(1, "web", project="blog"))
    life.daemon._signal(stop=False)
    life.pass_by(2)
    (blog, _shop) = life.daemon.components.publication.status["stacks"]
    assert (blog["name"], blog["state"], blog["services"][0]["healthy"]) == ("blog", "ok", 1)


def test_a_jump_of_the_clock_is_told_although_the_settings_are_read_again(life: Days) -> None:
    life.clock.jump(3600)
    life.daemon._signal(stop=False)
    life.pass_by(1)
    assert life.told == ["open host/clock jump", "end host/clock jump"]


def test_what_is_not_declared_any_more_ends_with_the_next_settings(life: Days) -> None:
    life.dies()
    life.pass_by(2)
    (life.host.etc / "watchdog" / "shop.json").unlink()
    life.daemon._signal(stop=False)
    life.pass_by(1)
    assert life.open == [] and life.daemon.runtime.memory.history[0].done[-1][1] == "it is not declared any more"


def test_settings_that_cannot_be_read_change_nothing(life: Days) -> None:
    (life.host.etc / "watchdog" / "shop.json").write_text('{"sta')
    life.daemon._signal(stop=False)
    life.dies()
    life.pass_by(2)
    assert life.told == [f"open {API}"]
    assert any(one.startswith("watchdog: goes on with its old settings: ") for one in life.said)


def test_settings_that_are_refused_late_change_nothing_either(life: Days) -> None:
    """What is made last of them is the publication, which reads what role `stack` has described."""
    before, described = life.daemon.components, life.host.etc / "stacks" / "blog.json"
    life.host.watch("shop", services=[{"service": "web", "replicas": 1}])
    life.host.watch("blog", services=[{"service": "web", "replicas": 1}])
    described.write_text('{"na')
    life.daemon._signal(stop=False)
    life.pass_by(1)
    described.unlink()
    assert life.daemon.components is before and any(one.startswith("watchdog: goes on with its old settings: ") for one in life.said)
    life.dies()
    life.pass_by(3)
    assert life.told == [f"open {API}"] and "start api1" in life.did
    assert [(one["name"], one["state"]) for one in life.daemon.components.publication.status["stacks"]] == [("shop", "degraded")]


@pytest.mark.parametrize("wrong", ["[5]", "5", "null", '{"stack": "shop", "services": ["api"]}', '[{"name": "shop", "members": [{}]}]'])
def test_settings_of_a_wrong_form_end_nothing(wrong: str, life: Days) -> None:
    path = life.host.etc / "watchdog/shop.json"
    path.write_text(wrong)
    before = life.daemon.components
    life.daemon._signal(stop=False)
    life.pass_by(1)
    assert life.daemon.components is before and any(str(path) in one for one in life.said)


def test_other_settings_reach_nginx_in_the_round_in_which_they_are_read(life: Days) -> None:
    life.did.clear()
    life.daemon._signal(stop=False)
    life.turn()
    assert life.did == ["out of rotation: nobody"]


def test_a_gate_that_is_away_keeps_nobody_from_other_settings(life: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    before = life.daemon.components
    monkeypatch.setattr(privileged_requests, "call", lambda *_given: throw(ConnectionRefusedError("nobody listens")))
    life.daemon._signal(stop=False)
    life.turn()
    assert life.daemon.components is not before and sum("having nginx's upstreams made true fails" in one for one in life.said) == 1


@pytest.mark.parametrize("how", ["reload", "start"])
def test_a_stack_that_is_not_watched_any_more_gets_all_its_traffic_back(how: str, life: Days) -> None:
    life.dies()
    life.pass_by(2)
    assert list(out_of_rotation.load("shop")) == ["api1"]
    life.did.clear()
    (life.host.etc / "watchdog" / "shop.json").unlink()
    if how == "reload":
        life.daemon._signal(stop=False)
        life.turn()
    else:
        life.daemon = Daemon()
        life.turn(Connected(cast(Engine, life.engine)))
    assert out_of_rotation.load("shop") == {} and life.did[-1] == "out of rotation: nobody"


def test_a_remedy_of_before_holds_up_none_of_after(life: Days) -> None:
    """The lock of the stack is the watchdog's own as long as one of its remedies runs."""
    with life.daemon.components.acting.remedies.sessions.of("shop"):
        life.daemon._signal(stop=False)
        life.pass_by(1)
        life.dies(2)
        life.pass_by(2)
        assert "start api2" in life.did
        assert (holder("shop") or {}).get("who") == "watchdog"
    assert holder("shop") is None
