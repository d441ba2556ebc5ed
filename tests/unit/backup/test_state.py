# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is published about the backups of a stack: never lost by writers that come at the same time, never half of it."""

from __future__ import annotations

import json
import multiprocessing
import stat
import threading
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.backup import state

from . import fakes
from .fakes import NOW, Clock, Host

host, clock = fakes.host, fakes.clock

WRITERS, TIMES = 4, 15


def test_before_the_first_run_there_is_nothing(host: Host) -> None:
    assert state.read("shop") == {} and not state.path("shop").exists()


def test_values_are_set_below_their_keys_and_others_stay(host: Host, clock: Clock) -> None:
    state.note("shop", rpo=3600)
    state.note("shop", "targets", "offsite", pushed=1.0, error="")
    state.note("shop", "targets", "offsite", error="away")
    state.note("shop", "targets", "nas", pushed=2.0)
    assert state.read("shop") == {
        "stack": "shop",
        "at": NOW,
        "rpo": 3600,
        "targets": {"offsite": {"pushed": 1.0, "error": "away"}, "nas": {"pushed": 2.0}},
    }


def test_the_watchdog_may_read_it_and_only_root_write_it(host: Host) -> None:
    state.note("shop", rpo=3600)
    assert stat.S_IMODE(state.path("shop").stat().st_mode) == 0o644


def test_stacks_do_not_mix(host: Host) -> None:
    state.note("shop", rpo=1)
    state.note("blog", rpo=2)
    assert (state.read("shop")["rpo"], state.read("blog")["rpo"]) == (1, 2)


def test_a_change_that_fails_leaves_what_was_there(host: Host) -> None:
    state.note("shop", rpo=1)
    before = state.path("shop").read_bytes()

    def change(found: dict[str, Any]) -> None:
        found["rpo"] = 2
        raise fakes.Killed

    with pytest.raises(fakes.Killed):
        state.update("shop", change)
    assert state.path("shop").read_bytes() == before
    state.note("shop", rpo=3)  # the lock is free again
    assert state.read("shop")["rpo"] == 3


def test_a_damaged_file_is_put_aside_and_begun_anew(host: Host) -> None:
    state.path("shop").write_text('{"rpo": ')
    state.note("shop", rpo=3)
    assert state.read("shop")["rpo"] == 3 and list(host.backups.glob("*.damaged"))


def count(name: str) -> None:
    """One writer: counts in its own place and in one that all share."""

    def change(found: dict[str, Any]) -> None:
        found["all"] = found.get("all", 0) + 1
        mine = found.setdefault("targets", {}).setdefault(name, {})
        mine["count"] = mine.get("count", 0) + 1

    for _time in range(TIMES):
        state.update("shop", change)


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_writers_at_the_same_time_lose_nothing(kind: str, host: Host) -> None:
    make: Any = threading.Thread if kind == "threads" else multiprocessing.get_context("fork").Process
    writers = [make(target=count, args=(f"t{number}",)) for number in range(WRITERS)]
    for one in writers:
        one.start()
    seen = []
    while any(one.is_alive() for one in writers):
        text = state.path("shop").read_text() if state.path("shop").exists() else "{}"
        seen.append(json.loads(text).get("all", 0))  # a reader without a lock never sees half of it
    for one in writers:
        one.join()
    found = state.read("shop")
    assert found["all"] == WRITERS * TIMES and seen == sorted(seen)
    assert {name: one["count"] for name, one in found["targets"].items()} == {f"t{number}": TIMES for number in range(WRITERS)}
    assert sorted(one.name for one in host.backups.iterdir()) == [".format", ".shop.lock", "shop.json"]
