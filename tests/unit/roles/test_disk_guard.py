# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The disk guard: what it removes, when, and what it says."""

from __future__ import annotations

import importlib.util
import json
import os
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SOURCE = Path(__file__).resolve().parents[3] / "roles/log_rotation/files/latentum-ops-disk-guard.py"


@pytest.fixture
def guard() -> ModuleType:
    specification = importlib.util.spec_from_file_location("disk_guard", SOURCE)
    assert specification and specification.loader
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture
def config(tmp_path: Path) -> dict[str, Any]:
    return {
        "paths": [str(tmp_path), "/does/not/exist"],
        "clean_at": 80,
        "fail_at": 90,
        "journal_size": "200M",
        "rotated": [str(tmp_path)],
        "rotated_days": 3,
        "unlimited": ["allowed"],
    }


def test_nothing_is_done_while_there_is_room(guard: ModuleType, config: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "use", lambda path: (79.9, 10.0))
    monkeypatch.setattr(guard, "run", lambda *argv: pytest.fail(f"ran {argv}"))
    assert guard.clean(config) == 0


CASES = [([85, 70], 0, 1), ([85] * 9, 0, 3), ([95] * 9, 1, 3), ([95, 95, 85, 85, 85, 85], 0, 3)]


@pytest.mark.parametrize(("uses", "status", "steps"), CASES)
def test_it_cleans_step_by_step_until_there_is_room(
    uses: list[float], status: int, steps: int, guard: ModuleType, config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    left, ran = iter(uses), []
    monkeypatch.setattr(guard, "use", lambda path: (5.0, next(left)))
    monkeypatch.setattr(guard, "run", lambda *argv: ran.append(argv[0]))
    monkeypatch.setattr(guard, "remove_rotated", lambda *_a: ran.append("rotated"))
    monkeypatch.setattr(guard, "Path", lambda path: Path("/nowhere") if path == "/run/docker.sock" else Path(path))
    assert guard.clean(config) == status
    assert ran == ["apt-get", "rotated", "journalctl"][:steps]


def test_only_old_rotated_logs_go(guard: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "journal").mkdir()
    kept = ["app.log", "app.log.1.new", "data.db", "notes-2026.txt"]
    gone = ["app.log.1", "app.log.2.gz", "app.gz", "app.log-20260101", "app.log-20260101.gz", "app.log.old"]
    for name in [*kept, *gone, "journal/x.log.1"]:
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (time.time() - 9 * 86400,) * 2)
    (tmp_path / "young.log.1").touch()
    guard.remove_rotated([str(tmp_path)], 3, [])
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*kept, "young.log.1", "journal"])
    assert (tmp_path / "journal/x.log.1").exists()


def test_the_tree_of_logs_is_kept(guard: ModuleType, tmp_path: Path) -> None:
    """It has a retention of its own, and what is missing in it was tampered with (role log_shipping)."""
    closed, rotated = tmp_path / "latentum-ops/tree/2026-11-01/web1/_host/auditd.audit.jsonl.gz", tmp_path / "latentum-ops/tree.log.1"
    closed.parent.mkdir(parents=True)
    for path in (closed, rotated):
        path.write_text("old")
        os.utime(path, (0, 0))
    guard.remove_rotated([str(tmp_path)], 3, [str(tmp_path / "latentum-ops/tree")])
    assert closed.exists() and not rotated.exists()


def test_what_an_intruder_would_want_gone_is_kept(guard: ModuleType, tmp_path: Path) -> None:
    kept, gone = ["audit/audit.log.1", "audit/audit.log.113", "auth.log.1", "auth.log.2.gz"], ["syslog.1", "mail.log.2.gz"]
    (tmp_path / "audit").mkdir()
    for name in [*kept, *gone]:
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (0, 0))
    guard.remove_rotated([str(tmp_path)], 3, [str(tmp_path / "audit"), str(tmp_path / "auth.log*")])
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.*")) == sorted(kept)


def test_containers_whose_logs_have_no_limit_are_named(
    guard: ModuleType, config: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    logs = {
        "bad": {"Type": "json-file", "Config": {}},
        "worse": {"Type": "json-file", "Config": {"max-file": "5"}},
        "allowed": {"Type": "json-file", "Config": None},
        "good": {"Type": "json-file", "Config": {"max-size": "10m"}},
        "elsewhere": {"Type": "journald", "Config": {}},
    }
    told = "".join(f"/{name} {json.dumps(log)}\n" for name, log in logs.items())
    monkeypatch.setattr(guard, "run", lambda *argv: "1 2 3 4 5" if argv[1] == "ps" else told)
    monkeypatch.setattr(guard, "Path", lambda path: Path("/") if path == "/run/docker.sock" else Path(path))
    assert guard.limits(config) == 1
    assert "the logs of bad, worse have no limit" in capsys.readouterr().err
