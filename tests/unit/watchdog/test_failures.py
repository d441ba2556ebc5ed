# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the system refuses: borne, and said when it begins and when it is over."""

from __future__ import annotations

import errno
import os

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.watchdog import failures as module
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.failures import AGAIN, Failures

from . import samples
from .samples import Clock, throw

clock = samples.clock

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/state/.memory.json.x7a_q2")


class Try:
    """Something that is done now and then, and the journal."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.failures = Failures()
        self.said: list[str] = []
        monkeypatch.setattr(module, "log", self.said.append)

    def again(self, what: str = "saving", error: Exception | None = None) -> None:
        with self.failures.tolerate(what):
            if error:
                throw(error)


@pytest.fixture
def one(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Try:
    return Try(monkeypatch)


def test_what_works_is_not_worth_a_word(one: Try) -> None:
    one.again()
    assert one.said == []


def test_what_fails_is_said_once_and_when_it_works_again(one: Try) -> None:
    for _time in range(5):
        one.again(error=FULL)
    assert one.said == ["watchdog: saving fails, and is tried again: No space left on device"]
    one.again()
    one.again()
    assert one.said[1:] == ["watchdog: saving works again"]
    one.again(error=FULL)
    assert len(one.said) == 3


def test_each_thing_fails_by_itself(one: Try) -> None:
    one.again("saving", FULL)
    one.again("writing", OSError("read-only"))
    one.again("saving")
    assert one.said[1:] == ["watchdog: writing fails, and is tried again: read-only", "watchdog: saving works again"]


def test_it_is_time_for_another_try_after_a_while(one: Try, clock: Clock) -> None:
    assert not one.failures.again("saving", clock.steady)
    one.again(error=FULL)
    assert not one.failures.again("saving", clock.steady + AGAIN - 0.1) and one.failures.again("saving", clock.steady + AGAIN)
    one.again()
    assert not one.failures.again("saving", clock.steady + AGAIN)


def test_a_mistake_of_ours_is_not_borne(one: Try) -> None:
    with pytest.raises(KeyError):
        one.again(error=KeyError("name"))
