# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What mtail counts while nginx writes: over rotations, restarts, and while it is away."""

from __future__ import annotations

import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from ...free_ports import free_port
from ..routes.nginx_runs import DEADLINE
from .log_lines import line
from .numbers import Numbers, read
from .rendered import MTAIL, ROOT, needs_mtail

pytestmark = needs_mtail
WRITTEN = line() + b"\n"
# mtail looks at its file four times a second; a machine that does much else is later.
LOOKS = 0.25


class Tail:
    """A running mtail, with the program of the role."""

    def __init__(self, programs: Path, log: Path) -> None:
        self.programs, self.log, self.port = programs, log, free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        argv = [MTAIL, "--address=127.0.0.1", f"--port={self.port}", f"--progs={self.programs}", f"--logs={self.log}"]
        self.process = subprocess.Popen([*argv, "--emit_prog_label=false", "--logtostderr"], stderr=subprocess.DEVNULL)
        until = time.monotonic() + DEADLINE
        while not self._reads():
            assert time.monotonic() < until and self.process.poll() is None, "mtail does not open the log"
            time.sleep(0.02)

    def _reads(self) -> bool:
        assert self.process
        opened = [link.readlink() for link in Path(f"/proc/{self.process.pid}/fd").iterdir() if link.is_symlink()]
        return self.log in opened and bool(self.numbers().samples)

    def numbers(self) -> Numbers:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=10) as answer:
                return read(answer.read().decode())
        except OSError:
            return Numbers()

    def requests(self) -> float:
        return self.numbers().total("http_requests_total")

    def comes_to(self, number: int) -> None:
        """It counts so many, and no more a while later."""
        until = time.monotonic() + DEADLINE
        while self.requests() < number:
            assert time.monotonic() < until, f"{self.requests()} of {number}"
            time.sleep(0.05)
        time.sleep(3 * LOOKS)
        assert self.requests() == number

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait(DEADLINE)
            self.process = None


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """The log, with lines from before."""
    path = tmp_path / "access.json"
    path.write_bytes(WRITTEN * 7)
    return path


@pytest.fixture
def tail(programs: Path, log: Path) -> Iterator[Tail]:
    """mtail, which reads it."""
    tail = Tail(programs, log)
    tail.start()
    yield tail
    tail.stop()


def test_it_begins_at_the_end_and_counts_each_line_once(tail: Tail, log: Path) -> None:
    assert tail.requests() == 0
    with log.open("ab", buffering=0) as writing:
        writing.write(WRITTEN * 10)
        # A line that is written in two parts is one line.
        writing.write(WRITTEN[:100])
        tail.comes_to(10)
        writing.write(WRITTEN[100:])
        tail.comes_to(11)


def test_a_rotation_loses_and_doubles_nothing(tail: Tail, log: Path) -> None:
    """As role log_rotation has it: mtail stands still while the log is renamed, a new file is made, and nginx writes what it has gathered
    to the old one before it opens the new one; however long that takes."""
    assert tail.process
    expected = 0
    for number in range(3):
        old = log.open("ab", buffering=0)
        old.write(WRITTEN * 100)
        tail.process.send_signal(signal.SIGSTOP)
        log.rename(log.with_suffix(f".json.{number}"))
        log.touch()
        time.sleep(3 * LOOKS)
        old.write(WRITTEN * 50)
        old.close()
        with log.open("ab", buffering=0) as new:
            new.write(WRITTEN * 20)
        tail.process.send_signal(signal.SIGCONT)
        expected += 170
        tail.comes_to(expected)


def test_a_rotation_without_standing_still_may_lose_what_comes_late(tail: Tail, log: Path) -> None:
    """Why it does. With a rule of one's own for the log, what nginx has gathered in a second may be lost; nothing is doubled."""
    old = log.open("ab", buffering=0)
    old.write(WRITTEN * 100)
    log.rename(log.with_suffix(".json.1"))
    log.touch()
    tail.comes_to(100)
    old.write(WRITTEN * 50)
    old.close()
    with log.open("ab", buffering=0) as new:
        new.write(WRITTEN * 20)
    tail.comes_to(120)


def test_rotation_stands_still_and_is_sure_to_go_on() -> None:
    """Whatever logrotate does afterwards, it is systemd that lets mtail go on, and that is arranged first."""
    rule = (ROOT / "roles/log_rotation/templates/etc/logrotate.d/nginx.j2").read_text()
    before = rule[rule.index("prerotate\n") : rule.index("endscript")]
    assert before.index("systemd-run") < before.index("SIGCONT") < before.index("&&") < before.index("SIGSTOP")
    assert before.count("latentum-ops-requests-exporter.service") == 3


def test_a_file_that_is_copied_and_emptied_is_read_on(tail: Tail, log: Path) -> None:
    """Role log_rotation does not do that to nginx; a rule of the operator's own may."""
    with log.open("ab", buffering=0) as writing:
        writing.write(WRITTEN * 30)
        tail.comes_to(30)
        log.write_bytes(b"")
        time.sleep(4 * LOOKS)
        writing.write(WRITTEN * 5)
        tail.comes_to(35)


def test_a_restart_begins_anew_and_doubles_nothing(tail: Tail, log: Path) -> None:
    """Counters begin at zero, which rate() knows. What is written meanwhile is not counted: said in docs/guides/metrics.md."""
    with log.open("ab", buffering=0) as writing:
        writing.write(WRITTEN * 30)
        tail.comes_to(30)
        tail.stop()
        writing.write(WRITTEN * 12)
        tail.start()
        assert tail.requests() == 0
        writing.write(WRITTEN * 4)
        tail.comes_to(4)


def test_a_log_that_comes_later_is_read(programs: Path, tmp_path: Path) -> None:
    """On a bare host nginx comes after it; without the first lines, which were there before it looked."""
    log = tmp_path / "access.json"
    tail = Tail(programs, log)
    argv = [MTAIL, "--address=127.0.0.1", f"--port={tail.port}", f"--progs={programs}", f"--logs={log}", "--logtostderr"]
    tail.process = subprocess.Popen([*argv, "--emit_prog_label=false"], stderr=subprocess.DEVNULL)
    try:
        time.sleep(2 * LOOKS)
        log.touch()
        until = time.monotonic() + DEADLINE
        while not tail._reads():
            assert time.monotonic() < until
            time.sleep(0.05)
        with log.open("ab", buffering=0) as writing:
            writing.write(WRITTEN * 3)
        tail.comes_to(3)
    finally:
        tail.stop()
