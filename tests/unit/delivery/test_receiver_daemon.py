# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The receiver as a process of its own, on a socket that it inherits, without anything that could deploy."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

ENGINE = "ansible_collections.latentum.ops.plugins.module_utils"
START = f"""
import os, runpy, sys
os.environ["LISTEN_PID"], os.environ["LISTEN_FDS"] = str(os.getpid()), "1"
sys.argv = ["delivery", "receiver"]
try:
    runpy.run_module("{ENGINE}.delivery", run_name="__main__")
finally:
    loaded = [name for name in sys.modules if name.startswith("{ENGINE}")]
    print([name for name in loaded if any(part in name for part in ("rollout", "containers", "secretstore.store", "cli"))])
"""


def test_it_answers_on_the_socket_that_it_is_given_and_ends_by_sigterm(tmp_path: Path) -> None:
    address = str(tmp_path / "socket")
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(address)
    listening.listen()
    collections = os.environ["ANSIBLE_COLLECTIONS_PATH"]

    def hand_over() -> None:
        os.dup2(listening.fileno(), 3)

    environment = {**os.environ, "PYTHONPATH": collections}
    with subprocess.Popen(
        [sys.executable, "-c", START], preexec_fn=hand_over, pass_fds=(3,), env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        with socket.socket(socket.AF_UNIX) as channel:
            channel.settimeout(30)
            channel.connect(address)
            channel.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            assert channel.recv(1000).startswith(b"HTTP/1.1 200 OK")
        process.send_signal(signal.SIGTERM)
        output, _none = process.communicate(timeout=30)
    assert process.returncode == 0 and output.strip() == "[]"


def test_without_a_socket_it_says_what_to_start() -> None:
    environment = {**os.environ, "PYTHONPATH": os.environ["ANSIBLE_COLLECTIONS_PATH"]}
    argv = [sys.executable, "-m", f"{ENGINE}.delivery", "receiver"]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "systemctl start latentum-ops-receiver.socket" in done.stderr
