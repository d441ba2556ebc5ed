# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A disk or a /run that takes no writing: the watchdog goes on, people are told, and what was not saved is saved later."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.core import versioned_json
from ansible_collections.latentum.ops.plugins.module_utils.nginx import out_of_rotation
from ansible_collections.latentum.ops.plugins.module_utils.watchdog import publication
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.alerting import spool_files
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.alerting.notices import Alerting
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.days import Days as SavedDays
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.failures import AGAIN
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.memory import Memory
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.probes.host import Check

from . import lives, samples
from .lives import API, Days
from .samples import Clock, Host

host, clock, life = samples.host, samples.clock, lives.life


class Device:
    """A file system that may be full: whatever is written below its folder by these modules."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, *modules: Any) -> None:
        self.folder = folder
        self.full = False
        for module in modules:
            monkeypatch.setattr(module, "write_atomic", self.instead_of(module.write_atomic))

    def instead_of(self, write: Any) -> Any:
        def written(path: str | Path, *given: Any) -> None:
            if self.full and Path(path).is_relative_to(self.folder):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), f"{path}.half")
            write(path, *given)

        return written


@pytest.fixture
def disk(host: Host, monkeypatch: pytest.MonkeyPatch) -> Device:
    """Where /var/lib is."""
    return Device(host.state, monkeypatch, versioned_json, spool_files)


@pytest.fixture
def run(host: Host, monkeypatch: pytest.MonkeyPatch) -> Device:
    """Where /run is."""
    made = Device(host.run, monkeypatch, versioned_json)
    write = publication._write
    monkeypatch.setattr(publication, "_write", made.instead_of(write))
    return made


def said(life: Days, words: str) -> int:
    return sum(words in one for one in life.said)


def test_a_full_disk_is_told_and_ends_nothing(life: Days, disk: Device) -> None:
    disk.full = True
    life.checks = [Check("docker"), Check("nginx"), Check("disk /", "critical", "100 %", "100 % of the space of / are used")]
    life.pass_by(15)
    assert life.told == ["open host/disk /"]
    life.dies()
    life.pass_by(3)
    assert life.told == ["open host/disk /", f"open {API}"] and "start api1" in life.did and list(out_of_rotation.load("shop")) == ["api1"]


def test_a_full_disk_is_said_once(life: Days, disk: Device) -> None:
    disk.full = True
    life.dies()
    life.pass_by(90)
    assert said(life, "saving what is remembered fails") == said(life, "saving the days fails") == 1
    assert len(life.said) < 20


def test_what_could_not_be_saved_is_saved_when_there_is_room(life: Days, disk: Device) -> None:
    disk.full = True
    life.dies()
    life.pass_by(90)
    assert Memory(life.daemon.runtime.memory.file).open == []
    disk.full = False
    life.pass_by(AGAIN + 1)
    assert [one.key for one in Memory(life.daemon.runtime.memory.file).open] == [API]
    life.pass_by(30)
    assert SavedDays(life.daemon.runtime.days.file).of(API)[0]["seen"] > 90
    assert said(life, "saving what is remembered works again") == said(life, "saving the days works again") == 1


def test_a_watchdog_that_starts_on_a_full_disk_tells_what_the_one_before_did_not(
    life: Days, disk: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(Alerting, "tell", lambda *_given: None)  # it was killed before it could
        life.dies()
        life.pass_by(2)
    disk.full = True
    life.start()
    assert life.told == [f"open {API}"]


def test_a_full_run_ends_nothing_and_is_caught_up(life: Days, run: Device, clock: Clock) -> None:
    run.full = True
    life.dies()
    life.pass_by(45)
    assert life.told == [f"open {API}"] and life.state == "degraded" and "start api1" in life.did
    assert out_of_rotation.load("shop") == {} and SavedDays(life.daemon.runtime.days.file).of(API)[0]["seen"] > 20
    for what in ("writing the status fails", "writing the status pages fails", "writing who of shop gets no traffic fails"):
        assert said(life, what) == 1
    run.full = False
    life.did.clear()
    life.pass_by(1)
    assert list(out_of_rotation.load("shop")) == ["api1"] and "out of rotation: api1" in life.did
    life.pass_by(45)
    assert str(clock.wall)[:9] in publication.STATUS.read_text()
    assert said(life, "writing the status works again") == said(life, "writing the status pages works again") == 1
