# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the loop waits for, and what it does not wait for."""

from __future__ import annotations

import queue

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.inbox import BURST, Inbox
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.looks import HOST, Observation, Token
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.probes.containers import Reading
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.probes.freshness import Age
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.probes.host import Check
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.probes.sites import SiteReading
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.stream import Disconnected

from . import samples
from .samples import Clock
from .test_jobs import state_of

clock = samples.clock

PROBE: Token = ("probe", "api1", "tcp", "shop", "api")
SITE: Token = ("site", "shop", "example.com")
JOBS: Token = ("jobs", "shop", "*")
DATA: Token = ("fresh", "shop", "data:prices")
GOOD = Observation(PROBE, 0, Reading("tcp", True))
BAD = Observation(PROBE, 0, Reading("tcp", False))
EVENT = {"Type": "container", "Action": "start"}


class Post:
    """A queue in which each thing arrives a hundredth of a second after it was waited for; how long was waited for each."""

    def __init__(self, clock: Clock, arriving: list[object]) -> None:
        self.clock = clock
        self.arriving = arriving
        self.waited: list[float] = []

    def get(self, timeout: float) -> object:
        self.waited.append(timeout)
        if not self.arriving or timeout <= 0:
            raise queue.Empty
        self.clock.go(min(timeout, 0.01))
        return self.arriving.pop(0)


def waits(clock: Clock, monkeypatch: pytest.MonkeyPatch, *arriving: object, suspicious: bool = False) -> list[float]:
    """The seconds that are waited for each thing, with half a second until the next round; the last wait is in vain."""
    inbox, post = Inbox(), Post(clock, list(arriving))
    monkeypatch.setattr(inbox, "_queue", post)
    assert inbox.take(clock.steady + 0.5, suspicious=suspicious) == list(arriving)
    return post.waited


@pytest.mark.parametrize(
    ("item", "can_wait"),
    [
        (GOOD, True),
        (BAD, False),
        (Observation(HOST, 0, [Check("docker"), Check("nginx")]), True),
        (Observation(HOST, 0, [Check("docker"), Check("nginx", "warning")]), False),
        (Observation(HOST, 0, None), True),
        (Observation(SITE, 0, SiteReading(True)), True),
        (Observation(SITE, 0, SiteReading(False)), False),
        (Observation(JOBS, 0, []), True),
        (Observation(JOBS, 0, [state_of()]), True),
        (Observation(JOBS, 0, [state_of(), state_of("failed")]), False),
        (Observation(DATA, 0, Age(1.0)), True),
        (Observation(DATA, 0, Age(1.0, "too old")), False),
        (EVENT, False),
        (Disconnected("gone"), False),
        (None, False),  # a signal
    ],
)
def test_only_good_news_can_wait(item: object, can_wait: bool, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    assert waits(clock, monkeypatch, item) == pytest.approx([0.5, 0.49 if can_wait else BURST])


def test_nothing_waits_while_something_is_suspected(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    assert waits(clock, monkeypatch, GOOD, suspicious=True) == pytest.approx([0.5, BURST])


def test_what_belongs_to_a_burst_does_not_make_it_longer(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    found = waits(clock, monkeypatch, GOOD, EVENT, BAD, EVENT)
    assert found == pytest.approx([0.5, 0.49, BURST, BURST - 0.01, BURST - 0.02])


def test_the_next_round_is_never_put_off(clock: Clock) -> None:
    inbox = Inbox()
    for item in (GOOD, EVENT):
        inbox.put(item)
    assert inbox.take(clock.steady - 1, suspicious=False) == [GOOD, EVENT]
    assert inbox.take(clock.steady - 1, suspicious=False) == []
