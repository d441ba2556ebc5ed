# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Health, upstreams and the follower, judged by plain container descriptions."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, cast

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.containers.client import Engine
from ansible_collections.latentum.ops.plugins.module_utils.contracts.health import Expectation
from ansible_collections.latentum.ops.plugins.module_utils.contracts.upstreams import Upstream
from ansible_collections.latentum.ops.plugins.module_utils.health.assessment import judge
from ansible_collections.latentum.ops.plugins.module_utils.nginx.sync import render, servers
from ansible_collections.latentum.ops.plugins.module_utils.rollout import follower

from .samples import container

UPSTREAM = Upstream("shop_web_8080", "shop", "web", 8080)


@pytest.mark.parametrize(
    ("expect", "changes", "state", "said"),
    [
        ("healthy", {}, "ok", ""),
        ("healthy", {"health": "starting"}, "waiting", "0 of 1 ready"),
        ("healthy", {"health": "unhealthy"}, "failed", "is unhealthy"),
        ("healthy", {"health": "none"}, "failed", "has no healthcheck"),
        ("running", {"health": "none"}, "ok", ""),
        ("running", {"health": "none", "restarts": 57, "age": 1}, "waiting", "restarted moments ago"),
        ("running", {"health": "none", "restarts": 57}, "failed", "crashes again and again"),
        ("running", {"state": "exited", "exit_code": 3}, "failed", "exited with code 3"),
        ("running", {"state": "exited", "exit_code": 137, "oom_killed": True}, "failed", "killed for memory"),
        ("completed", {"state": "exited", "exit_code": 0}, "ok", ""),
        ("completed", {"state": "exited", "exit_code": 1}, "failed", "exited with code 1"),
        ("completed", {}, "waiting", "has not run to its end"),
    ],
)
def test_one_container_is_judged(expect: str, changes: dict[str, Any], state: str, said: str) -> None:
    # Restarts of before are not held against a container that is only young.
    before = {"id1": changes["restarts"]} if changes.get("age") and "restarts" in changes else {}
    verdict = judge(Expectation("web", expect), [container(**changes)], before)
    assert verdict.state == state
    assert said in verdict.reason


def test_a_missing_replica_is_waited_for() -> None:
    assert judge(Expectation("web", "healthy", replicas=2), [container()], {}).state == "waiting"
    assert judge(Expectation("web", "healthy", replicas=2), [container(1), container(2)], {}).state == "ok"


def test_only_containers_that_serve_get_traffic() -> None:
    chosen = servers(UPSTREAM, [container(2), container(1), container(3, health="unhealthy"), container(4, service="other")], None)
    assert chosen == ["10.0.0.1:8080", "10.0.0.2:8080"]


def test_an_upstream_keeps_its_last_servers_when_none_is_healthy() -> None:
    written = render(UPSTREAM, ["10.0.0.1:8080", "10.0.0.9:8080"])
    ailing = [container(1, health="unhealthy"), container(2, health="unhealthy")]
    assert servers(UPSTREAM, ailing, written) == ["10.0.0.1:8080"]
    assert servers(UPSTREAM, ailing, None) == ["10.0.0.1:8080", "10.0.0.2:8080"]


def test_an_upstream_without_a_container_is_still_valid() -> None:
    text = render(UPSTREAM, servers(UPSTREAM, [], None))
    assert "server 127.0.0.1:9 down;" in text


def test_the_balance_stands_before_keepalive() -> None:
    text = render(UPSTREAM, ["10.0.0.1:8080"])
    assert text.index("least_conn;") < text.index("server 10.0.0.1:8080") < text.index("keepalive 32;")


@pytest.mark.parametrize(("key", "value"), [("name", "../passwd"), ("balance", "random")])
def test_a_bad_upstream_is_refused_by_key_and_value(key: str, value: str) -> None:
    raw = {"name": "a", "project": "shop", "service": "web", "port": 8080, key: value}
    with pytest.raises(ValueError, match=f'{key}: "{value}"'):
        Upstream.from_dict(raw)


class Events:
    """An engine that has these events waiting."""

    def __init__(self, *stamps: float) -> None:
        self.stamps = stamps
        self.asked: list[float | None] = []

    def events(self, since: float, until: float | None = None) -> Iterator[dict[str, Any]]:
        self.asked.append(until)
        yield from ({"Action": "start", "timeNano": int(stamp * 1e9)} for stamp in self.stamps)


def test_a_storm_of_events_costs_one_look(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[float] = []
    monkeypatch.setattr(follower, "sync_and_tell", lambda engine: looks.append(time.time()) or True)
    storm = Events(*[time.time() + 0.01] * 60)
    follower.follow_engine(cast(Engine, storm), lambda: None)
    assert len(looks) == 2  # one at the start, one for the storm


def test_a_failed_look_is_repeated_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower, "sync_and_tell", lambda engine: False)
    quiet = Events()
    follower.follow_engine(cast(Engine, quiet), lambda: None)
    assert quiet.asked[0] is not None
