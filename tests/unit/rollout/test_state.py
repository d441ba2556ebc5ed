# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is kept on disk: releases, the journal, who serves, what is warm."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from ansible_collections.latentum.ops.plugins.module_utils.contracts.routes import Routes
from ansible_collections.latentum.ops.plugins.module_utils.contracts.upstreams import Upstream
from ansible_collections.latentum.ops.plugins.module_utils.core import progress
from ansible_collections.latentum.ops.plugins.module_utils.nginx import traffic_plan
from ansible_collections.latentum.ops.plugins.module_utils.nginx.traffic_plan import Traffic, share_weights
from ansible_collections.latentum.ops.plugins.module_utils.release import listing
from ansible_collections.latentum.ops.plugins.module_utils.release.journal import Journal, RolloutInProgress
from ansible_collections.latentum.ops.plugins.module_utils.release.store import FAILED, GOOD, ReleaseError, Store, compose_text
from ansible_collections.latentum.ops.plugins.module_utils.rollout import standby

from .samples import release


def saved(store: Store, *tags: str) -> list[str]:
    found = [release(tag, tag=tag) for tag in tags]
    for one in found:
        store.save(one)
        store.mark(one.id, GOOD)
    return [one.id for one in found]


def test_a_rollback_goes_back_one_by_one() -> None:
    store = Store("shop")
    a, b, c = saved(store, "a", "b", "c")
    for one in (a, b, c):
        store.set_live(one)
    assert store.previous() == [b, a]
    store.set_live(b, "rollback")
    assert store.live() is not None and store.live().id == b  # type: ignore[union-attr]
    assert store.previous() == [a]
    store.set_live(c)
    assert store.previous() == [b, a]


def test_a_scaled_release_is_nothing_to_go_back_to() -> None:
    store = Store("shop")
    a, b, b3 = saved(store, "a", "b", "b3")
    for one in (a, b):
        store.set_live(one)
    store.set_live(b3, "scale")
    assert store.previous() == [a]


def test_what_is_known_of_a_release_stays_when_it_is_saved_again() -> None:
    store = Store("shop")
    (a,) = saved(store, "a")
    store.mark(a, "failed", "it crashed")
    store.save(release("a", tag="a"))
    assert (store.load(a).state, store.load(a).reason) == ("failed", "it crashed")


def test_releases_are_found_by_the_beginning_of_their_id() -> None:
    store = Store("shop")
    (a,) = saved(store, "a")
    assert store.find(a[:5]).id == a
    with pytest.raises(ReleaseError, match=a):
        store.find("zzz")


def test_old_releases_are_forgotten_but_never_the_live_one() -> None:
    store = Store("shop")
    ids = []
    for number in range(30):
        ids += saved(store, f"t{number}")
        store.set_live(ids[-1])
    kept = {one.id for one in store.all()}
    assert {ids[-1], *store.previous()} <= kept
    assert len(kept) < 30


def test_the_rollout_under_way_survives_and_ends(state: Path) -> None:
    journal = Journal("shop")
    journal.keep(RolloutInProgress("x", "deploy", "b", "a", "ada", old={"api": ["1"]}))
    found = Journal("shop").underway()
    assert found is not None
    assert found.old == {"api": ["1"]}
    assert "deploy of b by ada" in found.describe()
    journal.ended()
    assert journal.underway() is None


def test_a_line_that_a_crash_cut_off_is_left_out(state: Path) -> None:
    journal = Journal("shop")
    journal.write(step="one")
    with journal.lines.open("a") as file:
        file.write('{"at": "2026')
    assert [one["step"] for one in journal.read()] == ["one"]


def test_traffic_is_put_and_taken_away() -> None:
    traffic_plan.put("shop", {"api": Traffic({"a": 9, "b": 1}), "web": Traffic(maintenance=True)})
    assert traffic_plan.load("shop") == {"api": Traffic({"a": 9, "b": 1}), "web": Traffic(maintenance=True)}
    traffic_plan.put("shop", {"api": None})
    assert list(traffic_plan.load("shop")) == ["web"]


@pytest.mark.parametrize(("old", "new", "percent"), [(2, 1, 10), (1, 1, 50), (4, 1, 5), (3, 3, 20), (1, 1, 1), (10, 1, 25)])
def test_weights_give_the_share(old: int, new: int, percent: int) -> None:
    before, after = [f"o{number}" for number in range(old)], [f"n{number}" for number in range(new)]
    weights = share_weights(before, after, percent)
    share = 100 * sum(weights[one] for one in after) / sum(weights.values())
    assert abs(share - percent) <= max(1.5, percent / 5)
    assert all(weight >= 1 for weight in weights.values())


def test_warm_sets() -> None:
    Store("shop").folder.mkdir(parents=True)
    standby.put("shop", "api", standby.Warm(("a", "b"), 0.0))
    assert standby.ids("shop") == {"a", "b"}
    assert standby.load("shop")["api"].due
    standby.put("shop", "api", None)
    assert standby.ids("shop") == set()


def test_a_follower_reads_its_attempt_to_the_end() -> None:
    told: list[str] = []
    first = progress.Progress("shop", "one", told.append)
    first.total = 4
    first.step()
    first.say("start")
    lines, offset, ended = progress.follow("shop", "one", 0, 0)
    assert (lines, ended) == (told, False)
    assert " 25 % start" in lines[0].replace("]", "")
    first.finish("done")
    lines, _offset, ended = progress.follow("shop", "one", offset, 0)
    assert ("done" in lines[0], ended) == (True, True)


def test_two_attempts_do_not_disturb_each_other() -> None:
    first = progress.Progress("shop", "first")
    first.say("begun")
    progress.Progress("shop", "second").finish("refused: somebody else is at it")
    first.say("going on")
    lines, _offset, ended = progress.follow("shop", "first", 0, 0)
    assert ([line.partition("] ")[2] for line in lines], ended) == (["begun", "going on"], False)
    assert progress.follow("shop", "second", 0, 0)[2]


def test_a_follower_sees_that_nobody_works_any_more() -> None:
    assert progress.alive("shop", "one") is None
    progress.Progress("shop", "one")
    assert progress.alive("shop", "one")
    file = progress.path("shop", "one")
    file.write_text(file.read_text().replace(f'"pid": {os.getpid()}', '"pid": 4194305'))
    assert progress.alive("shop", "one") is False


def test_the_history_tells_how_long_each_step_took() -> None:
    journal = Journal("shop")
    for more in ({}, {"done": 2.5}):
        journal.write(kind="deploy", release="b", service="api", step="drain", **more)
    journal.write(kind="deploy", release="b", service="api", step="stop 2 old")
    lines = listing.history(journal.read()).splitlines()
    assert len(lines) == 3
    assert lines[1].endswith("drain (2.5 s)")
    assert lines[2].endswith("stop 2 old")  # begun, and never done: here somebody was killed


def test_a_bare_host_can_be_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    readable = compose_text({"services": {"api": {"image": "a:1"}}})
    monkeypatch.setitem(sys.modules, "yaml", None)  # as on a host that has no python3-yaml yet
    bare = compose_text({"services": {"api": {"image": "a:1"}}})
    monkeypatch.undo()
    assert yaml.safe_load(bare) == yaml.safe_load(readable)


def test_routes_are_beside_the_release_and_part_of_its_id(state: Path) -> None:
    routes = Routes((Upstream("shop_api_80", "shop", "api", 80).to_dict(),), {"shop.example.com": "server {}\n"})
    plain, routed = release(), replace(release(), routes=routes)
    assert plain.id != routed.id != replace(routed, routes=replace(routes, sites={})).id
    store = Store("shop")
    folder = store.save(routed)
    assert "routes" not in json.loads((folder / "release.json").read_text())  # an engine from before would refuse it
    assert store.load(routed.id).routes == routes
    assert store.load(routed.id).id == routed.id
    assert store.find(routed.id[:6]) == store.load(routed.id)
    store.mark(routed.id, FAILED, "no")
    assert store.load(routed.id).routes == routes


def test_what_a_later_engine_adds_to_a_release_is_borne(state: Path) -> None:
    store = Store("shop")
    folder = store.save(release())
    for name in ("release.json", "routes.json"):
        there = json.loads((folder / name).read_text()) if (folder / name).exists() else {}
        (folder / name).write_text(json.dumps({**there, "from_the_future": {"a": 1}}))
    found = store.load(release().id)
    assert (found.id, found.routes) == (release().id, None)


@pytest.mark.parametrize("text", ["549586981e55", "1e3", "0o17", "12.5", "+1", ".5", "9090"])
def test_a_string_that_compose_would_read_as_a_number_is_quoted(text: str) -> None:
    """A definition's hash may look like one: Compose then labels containers with 5.49586981e+63, and all are replaced again and again."""
    assert f"label: '{text}'" in compose_text({"label": text})


@pytest.mark.parametrize("text", ["73a916e02776", "api", "10m"])
def test_other_strings_are_not(text: str) -> None:
    assert f"label: {text}\n" in compose_text({"label": text})
