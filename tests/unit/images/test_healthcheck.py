# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The healthcheck script, run as Docker runs it: by its exit code, with a reason on standard output."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "images/app/healthcheck"


def check(**environ: str) -> tuple[int, str]:
    done = subprocess.run([sys.executable, "-IS", str(SCRIPT)], env=environ, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    """Answers with the status that its attribute names."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(getattr(self.server, "status", 200))
            self.end_headers()
            self.wfile.write(self.path.encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    served = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=served.serve_forever, args=(0.02,))
    thread.start()
    yield served
    served.shutdown()
    thread.join()
    served.server_close()


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1), (404, 1)])
def test_a_service_is_as_healthy_as_it_says(server: HTTPServer, status: int, code: int) -> None:
    server.status = status  # type: ignore[attr-defined]
    assert check(PORT=str(server.server_port)) == (code, f"{status} /health\n")


def test_a_service_that_is_away(server: HTTPServer) -> None:
    port = str(server.server_port)
    server.server_close()
    code, said = check(PORT=port)
    assert (code, said.startswith(f"no answer on port {port}")) == (1, True)


@pytest.mark.parametrize(("age", "code"), [(0, 0), (60, 1)])
def test_a_heartbeat_must_be_young(tmp_path: Path, age: int, code: int) -> None:
    beat = tmp_path / "heartbeat"
    beat.touch()
    os.utime(beat, (time.time() - age, time.time() - age))
    assert check(HEARTBEAT_FILE=str(beat))[0] == code


def test_a_heartbeat_that_never_was(tmp_path: Path) -> None:
    assert check(HEARTBEAT_FILE=str(tmp_path / "absent")) == (1, "no heartbeat yet: queue or database never answered\n")
