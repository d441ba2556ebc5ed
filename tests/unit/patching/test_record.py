# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of updates on a host: under way, ended, gone on with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.patching import record
from ansible_collections.latentum.ops.plugins.module_utils.patching.record import Phase

CHANGE = {"package": "openssl", "before": "1", "after": "2", "closes": ["CVE-2026-1"], "security": True}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(record, "FOLDER", tmp_path / "patches")
    times = iter(f"2026-11-30T02:00:{second:02}+00:00" for second in range(60))
    monkeypatch.setattr(record, "now", lambda: next(times))
    return tmp_path / "patches"


def test_an_update_is_begun_and_finished_and_remembered(folder: Path) -> None:
    assert record.current() is None and record.history() == []
    begun = record.begin("security", "override: an outage")
    record.keep(replace(begun, changes=(CHANGE,), phase=Phase.UPGRADED.value, reboot_due=("a kernel",), seconds={"packages": 3.0}))
    seen = record.current()
    assert seen and seen.unfinished and seen.changes == (CHANGE,) and seen.exemption == "override: an outage"
    ended = record.end(Phase.FINISHED, rebooted=True, seconds={"reboot": 20.0})
    assert ended and ended.rebooted and ended.reboot_due == () and ended.seconds == {"packages": 3.0, "reboot": 20.0}
    assert record.history() == [ended] == [record.current()]
    assert record.end(Phase.FINISHED) is None, "it has ended"
    assert (folder / "current.json").stat().st_mode & 0o777 == 0o640


def test_a_run_that_goes_on_knows_what_the_one_before_has_changed() -> None:
    record.keep(replace(record.begin("all"), changes=(CHANGE,), kept=("/etc/a",), phase=Phase.UPGRADED.value))
    assert record.begin("all").changes == (CHANGE,)
    failed = record.end(Phase.FAILED, reason="services: web-1 is\n unhealthy")
    assert failed and failed.reason == "services: web-1 is unhealthy"
    again = record.begin("all")
    assert again.changes == (CHANGE,) and again.kept == ("/etc/a",) and again.unfinished
    record.end(Phase.FINISHED)
    assert record.begin("all").changes == (), "what is finished is not told again"


def test_one_that_failed_can_be_finished_and_one_that_is_damaged_is_put_aside(folder: Path) -> None:
    record.begin("all")
    record.end(Phase.FAILED, reason="x")
    assert record.end(Phase.FAILED) is None
    ended = record.end(Phase.FINISHED)
    assert ended and ended.reason == ""
    (folder / "current.json").write_text("{")
    assert record.current() is None and (folder / "current.json.damaged").exists()


def test_old_ones_go(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "KEPT", 2)
    begun = [record.begin("all").began for _each in range(4) if record.current() is None or record.end(Phase.FINISHED)]
    record.end(Phase.FINISHED)
    assert [one.began for one in record.history()] == list(reversed(begun))[:2]
