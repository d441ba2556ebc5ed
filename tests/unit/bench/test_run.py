# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmarks' runner: each one has its turn, whatever became of those before, and old numbers never pass for new ones."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))

import run

WATCHDOG = {
    "watchdog": {"out_of_rotation": {"median": 0.05}, "restart_begun": {"median": 0.5}, "cpu_percent": 0.6, "rss_mb": 50.0},
    "polling_healer": {"restart_begun": {"median": 2.5}},
}
BACKUP = {"ratios": {"base backup and proof / pg_basebackup and a start on a copy": 1.1, "other": 9}, "effect": {"failed": 0}}


class Benchmarks:
    """What each benchmark writes; an exit status instead for one that breaks, nothing for one that writes nothing."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.ran: list[str] = []
        self.writes: dict[str, Any] = {}
        monkeypatch.setattr(run, "RESULTS", folder)
        monkeypatch.setattr(run.subprocess, "run", self.run)
        monkeypatch.setattr(sys, "argv", ["run.py"])

    def run(self, argv: list[str], **_given: object) -> SimpleNamespace:
        name = Path(argv[1]).stem
        self.ran.append(name)
        what = self.writes.get(name)
        if isinstance(what, int):
            return SimpleNamespace(returncode=what)
        if what is not None:
            (self.folder / f"{name}.json").write_text(json.dumps(what))
        return SimpleNamespace(returncode=0)

    def summary(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "summary.json").read_text())
        return found


@pytest.fixture
def benchmarks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Benchmarks:
    assert run.subprocess is subprocess
    return Benchmarks(tmp_path, monkeypatch)


def test_one_that_breaks_keeps_no_other_from_running_and_fails_the_whole(benchmarks: Benchmarks) -> None:
    benchmarks.writes = {"site": 1, "stacks": {"ratio": 1.2}, "rollout": {"series": "?"}, "watchdog": WATCHDOG, "backup": None}
    assert run.main() == 1
    assert benchmarks.ran == ["site", "stacks", "rollout", "watchdog", "backup"]
    broken = benchmarks.summary()["broken"]
    assert broken["site"] == "ended with exit status 1" and "another form" in broken["rollout"]
    assert broken["backup"] == "wrote no backup.json" and not {"watchdog", "stacks"} & set(broken)


def test_numbers_stand_beside_what_is_to_be_reached(
    benchmarks: Benchmarks, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    benchmarks.writes = {"watchdog": WATCHDOG, "backup": BACKUP}
    monkeypatch.setattr(sys, "argv", ["run.py", "watchdog", "backup"])
    assert run.main() == 0  # a goal that is missed is no failure
    ratios = {one["what"]: one["ratio"] for one in benchmarks.summary()["numbers"]}
    assert ratios["watchdog: memory, MB"] == 1.11 and ratios["watchdog: CPU, % of a core"] == 0.6
    assert ratios["backup: requests lost meanwhile"] == 0
    missed = [line for line in capsys.readouterr().out.splitlines() if line.endswith("missed")]
    assert len(missed) == 1 and missed[0].startswith("watchdog: memory, MB")


def test_numbers_of_a_run_before_are_none_of_this_one(benchmarks: Benchmarks, monkeypatch: pytest.MonkeyPatch) -> None:
    (benchmarks.folder / "watchdog.json").write_text(json.dumps(WATCHDOG))
    monkeypatch.setattr(sys, "argv", ["run.py", "watchdog"])
    assert run.main() == 1 and benchmarks.summary() == {"numbers": [], "broken": {"watchdog": "wrote no watchdog.json"}}
