# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The services as systemd starts them: what they say, and how they refuse."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.logs.__main__ import main
from ansible_collections.latentum.ops.plugins.module_utils.logs.digests import verify
from ansible_collections.latentum.ops.plugins.module_utils.logs.records import encode

from .docker_logs import Containers

ENGINE = Path(__file__).parents[3] / "plugins/module_utils"
TARGET = {"host": "127.0.0.1", "port": 1, "name": "x", "authority": "/nowhere/a", "certificate": "/nowhere/c", "key": "/nowhere/k"}
PATIENCE = 600.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("tree", "state", "containers"):
        (tmp_path / name).mkdir()
    return tmp_path


def settings(folder: Path, **more: Any) -> str:
    keep = {kind: {"days": 90, "size": "1G"} for kind in ("application", "system", "access", "audit")}
    raw = {"version": 1, "host": "web1", "keep": keep, **{name: str(folder / name) for name in ("tree", "state", "containers")}, **more}
    (folder / "settings.json").write_text(json.dumps(raw))
    return str(folder / "settings.json")


def audited(folder: Path, numbers: list[int]) -> None:
    path = folder / "tree/2026-01-02/web1/_host/auditd.audit.jsonl"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"".join(encode("2026-01-02T16:00:00Z", "a@1.r", number, "", "x") for number in numbers))


def test_closing_says_the_digest_and_what_is_missing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    audited(folder, [1, 2, 5])
    assert main(["close", settings(folder)]) == 0
    said = capsys.readouterr()
    assert f"entry 1 closes 1 files, removes 1, digest {verify(folder / 'tree').head}" in said.out
    assert said.err.startswith("<4>2 records of these files are missing")


def test_what_waits_for_the_log_host_is_not_closed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    audited(folder, [1, 2])
    path = folder / "tree/2026-01-02/web1/_host/auditd.audit.jsonl"
    sizes = {"2026-01-02/web1/_host/auditd.audit.jsonl": path.stat().st_size}
    (folder / "state/collected.json").write_text(json.dumps({"version": 1, "sizes": sizes}))
    assert main(["close", settings(folder, target=TARGET)]) == 0
    assert path.exists() and capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"keep": {"debug": {"days": 1}}}, "keep: debug"),
        ({"keep": {"audit": {"size": 1}}}, "days"),
        ({"queue": "much"}, "is no size"),
        ({"target": {"host": "x"}}, "Target"),
        ({"target": TARGET}, "log_shipping_authority: /nowhere/a"),
    ],
)
def test_settings_that_cannot_be(folder: Path, given: dict[str, Any], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["forward", settings(folder, **given)]) == 1
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("argv", [[], ["nothing"], ["collect", "a", "b"]])
def test_a_command_line_that_cannot_be(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv) == 2 and "usage" in capsys.readouterr().err


def test_without_settings_it_says_what_to_write(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["collect", "/nowhere/settings.json"]) == 1
    assert "log_shipping_enabled: true" in capsys.readouterr().err


def test_the_collector_ends_with_all_that_it_has_read(folder: Path) -> None:
    """As systemd starts and ends it, in an engine that is installed by another name."""
    (folder / "engine").mkdir()
    (folder / "engine/latentum_ops").symlink_to(ENGINE)
    api = Containers(folder / "containers").add("shop", "api")
    argv = [sys.executable, "-B", "-m", "latentum_ops.logs", "collect", settings(folder)]
    process = subprocess.Popen(argv, env={**os.environ, "PYTHONPATH": str(folder / "engine")})
    until = time.monotonic() + PATIENCE
    api.write("hello")
    while not list((folder / "tree").rglob("*.jsonl")):
        assert process.poll() is None and time.monotonic() < until
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=PATIENCE) == 0
    (path,) = (folder / "tree").rglob("*.jsonl")
    state = json.loads((folder / "state/collected.json").read_text())
    assert b"hello" in path.read_bytes() and list(state["sizes"].values()) == [path.stat().st_size]
