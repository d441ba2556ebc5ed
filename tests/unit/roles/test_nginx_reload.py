# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A reload tells whether nginx has taken it over; nginx is played by a shell that gets or refuses new workers."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "roles/nginx/files/nginx-reload.sh"
TAKES_OVER = "trap 'sleep 30 & workers=\"$workers $!\"' HUP"
REFUSES = 'trap \'echo "2026/01/01 00:00:00 [emerg] $$#$$: bind() failed" >> "$LOG"\' HUP'
MASTER = """
workers=
sleep 30 & workers=$!
trap 'kill $workers; exit' TERM
{on_reload}
touch "$READY"
while :; do wait; done
"""


@pytest.fixture
def reload(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[subprocess.CompletedProcess[str]]:
    """What the script did with a master of this behaviour."""
    log, ready, pid = tmp_path / "error.log", tmp_path / "ready", tmp_path / "pid"
    log.write_text("2026/01/01 00:00:00 [emerg] 1#1: an old story\n")
    environment = {"PATH": "/usr/bin:/bin", "LOG": str(log), "READY": str(ready)}
    # A shell cannot trap what was ignored when it started, as under nohup.
    argv = ["env", "--default-signal=HUP", "bash", "-c", MASTER.format(on_reload=request.param)]
    master = subprocess.Popen(argv, env=environment)
    try:
        while not ready.exists():
            time.sleep(0.02)
        pid.write_text(f"{master.pid}\n")
        told = {"PATH": environment["PATH"], "NGINX_PID_FILE": str(pid), "NGINX_ERROR_LOG": str(log)}
        yield subprocess.run(["sh", str(SCRIPT)], env=told, capture_output=True, text=True, check=False, timeout=30)
    finally:
        master.terminate()
        master.wait(timeout=10)


@pytest.mark.parametrize("reload", [TAKES_OVER], indirect=True)
def test_new_workers_are_a_success(reload: subprocess.CompletedProcess[str]) -> None:
    assert reload.returncode == 0, reload.stderr


@pytest.mark.parametrize("reload", [REFUSES], indirect=True)
def test_a_refusal_is_a_failure_with_its_reason(reload: subprocess.CompletedProcess[str]) -> None:
    assert reload.returncode == 1
    assert "bind() failed" in reload.stderr
    assert "an old story" not in reload.stderr
