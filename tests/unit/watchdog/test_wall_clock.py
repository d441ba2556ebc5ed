# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A clock that somebody sets, and what is told of it."""

from __future__ import annotations

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.wall_clock import JUMP, WallClock

from . import samples
from .samples import Clock

clock = samples.clock


def test_a_clock_that_goes_on_is_nothing_to_tell(clock: Clock) -> None:
    wall_clock = WallClock()
    clock.go(86400)
    assert wall_clock.jumped() == []


@pytest.mark.parametrize(("jump", "said"), [(3600, "+3600 s"), (-86400, "-86400 s"), (JUMP, "+5 s"), (-JUMP, "-5 s")])
def test_a_jump_is_one_incident_that_has_ended_when_it_is_seen(jump: float, said: str, clock: Clock) -> None:
    wall_clock = WallClock()
    clock.go(10)
    clock.jump(jump)
    opened, ended = wall_clock.jumped()
    incident = opened.incident
    assert (opened.what, ended.what) == ("open", "end") and ended.incident is incident
    assert (incident.key, incident.stack, incident.severity) == ("host/clock jump", "", "warning")
    assert incident.began == incident.opened == incident.ended == clock.wall
    assert incident.cause.startswith(f"the clock jumped by {said}")
    clock.go(10)
    assert wall_clock.jumped() == []


def test_a_clock_that_is_set_back_again_has_jumped_twice(clock: Clock) -> None:
    wall_clock = WallClock()
    clock.jump(60)
    assert len(wall_clock.jumped()) == 2
    clock.jump(-60)
    assert "-60 s" in wall_clock.jumped()[0].incident.cause


def test_a_clock_that_is_slewed_has_not_jumped(clock: Clock) -> None:
    wall_clock = WallClock()
    for _second in range(100):
        clock.go(1)
        clock.jump(JUMP * 0.99)
        assert wall_clock.jumped() == []
