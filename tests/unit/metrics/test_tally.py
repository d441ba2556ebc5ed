# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts and kills of a container over its lives: what is counted whether an event or a look comes first, and what no event has told."""

from __future__ import annotations

import random

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.metrics.tally import Tally


def known(started: float = 1000.0, count: int = 0) -> Tally:
    """Of a container that has run for long when it is first looked at."""
    tally = Tally()
    tally.look(started, count)
    return tally


def test_the_first_start_is_none_of_its_restarts_whichever_comes_first() -> None:
    told = Tally()
    told.hear_start(1000.1)
    told.look(1000.0, 0)
    seen = Tally()
    seen.look(1000.0, 0)
    seen.hear_start(1000.1)
    assert (told.restarts, seen.restarts) == (0, 0)


def test_restarts_before_the_watchdog_are_those_that_docker_has_counted() -> None:
    assert known(count=7).restarts == 7


def test_each_start_counts_once_whichever_comes_first() -> None:
    told = known()
    told.hear_start(2000.1)
    told.look(2000.0, 1)
    seen = known()
    seen.look(2000.0, 1)
    assert seen.restarts == 1
    seen.hear_start(2000.1)
    assert (told.restarts, seen.restarts) == (1, 1)


def test_only_the_event_of_the_life_that_was_looked_at_is_passed_over() -> None:
    tally = known()
    tally.look(2000.0, 1)
    tally.hear_start(2000.1)
    tally.hear_start(2000.6)
    assert tally.restarts == 2


def test_a_loop_of_crashes_between_two_looks_is_counted_whole() -> None:
    tally = known()
    for number in range(5):
        tally.hear_start(2000.0 + number / 5)
    tally.look(2000.8, 5)
    assert tally.restarts == 5
    tally.hear_start(2001.0)
    assert tally.restarts == 6


@pytest.mark.parametrize(("count", "expected"), [(4, 4), (0, 1)], ids=["by its restart policy", "by hand, which sets Docker's number to 0"])
def test_starts_that_no_event_has_told_are_counted_as_far_as_docker_knows(count: int, expected: int) -> None:
    tally = known()
    tally.look(9000.0, count)
    assert tally.restarts == expected
    tally.hear_start(9900.0)
    assert tally.restarts == expected + 1


def test_it_never_falls_when_docker_begins_to_count_anew() -> None:
    tally = known(count=7)
    tally.hear_start(2000.0)
    tally.look(2000.0, 0)
    assert tally.restarts == 8


def test_looking_again_changes_nothing() -> None:
    tally = known(count=2)
    for _look in range(3):
        tally.look(1000.0, 2)
    assert tally.restarts == 2


def test_a_kill_that_both_sources_show_is_one() -> None:
    tally = known()
    assert tally.read_ooms(0) == 0
    tally.hear_oom()
    assert tally.ooms == 1 and tally.read_ooms(1) == 1 and tally.read_ooms(1) == 1
    assert tally.read_ooms(2) == 2
    tally.hear_oom()
    assert tally.read_ooms(2) == 2


def test_kills_before_the_watchdog_do_not_hide_the_one_that_ends_the_life() -> None:
    tally = known()
    assert [tally.read_ooms(5), tally.read_ooms(5)] == [5, 5]
    tally.hear_oom()
    assert tally.ooms == 6
    tally.hear_start(2000.0)
    tally.look(2000.0, 1)
    assert tally.read_ooms(0) == 6
    tally.hear_oom()
    assert tally.ooms == 7


def test_kills_of_a_life_whose_end_nobody_has_told_are_kept() -> None:
    tally = known()
    tally.read_ooms(3)
    tally.look(2000.0, 1)
    assert tally.ooms == 3 and tally.read_ooms(1) == 4


def test_no_order_of_events_lets_a_counter_fall() -> None:
    rolls = random.Random(7)  # noqa: S311 - no secret is made of it
    for _round in range(300):
        tally, started, count, read, seen = Tally(), 1000.0, 0, 0, (0, 0)
        for _step in range(30):
            what = rolls.choice(["start", "policy", "oom", "look", "read", "kill"])
            if what in ("start", "policy"):
                started, count, read = started + rolls.random() * 20, count + 1 if what == "policy" else 0, 0
                if rolls.random() < 0.8:
                    tally.hear_start(started + 0.1)
            elif what == "oom":
                tally.hear_oom()
            elif what == "kill":
                read += 1
            elif what == "look":
                tally.look(started, count)
            else:
                tally.read_ooms(read)
            assert tally.restarts >= seen[0] and tally.ooms >= seen[1], what
            seen = (tally.restarts, tally.ooms)
