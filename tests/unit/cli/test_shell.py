# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`opsctl shell`: opsctl as a process, on a real terminal or without one, and commands that are real processes."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from . import host
from .dockerd import Dockerd

PATIENCE = 240.0  # seconds for a process on a machine that is busy with other things


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    host.point_to(tmp_path, monkeypatch.setattr)
    monkeypatch.chdir("/")
    host.declare(tmp_path, "shop", "web", "db")
    return tmp_path


@pytest.fixture
def docker(root: Path) -> Iterator[Dockerd]:
    engine = Dockerd(root / "docker.sock")
    engine.add("shop", "web", 1)
    yield engine
    engine.close()


@pytest.fixture
def journal(root: Path) -> Iterator[Callable[[], dict[str, str]]]:
    """What the journal of the host was told."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(root / "journal.sock"))
        channel.settimeout(PATIENCE)

        def read() -> dict[str, str]:
            raw, fields = channel.recv(65536), {}
            while raw:
                name, _newline, rest = raw.partition(b"\n")
                (length,) = struct.unpack("<Q", rest[:8])
                fields[name.decode()] = rest[8 : 8 + length].decode()
                raw = rest[8 + length + 1 :]
            assert "hunter2" not in str(fields)
            return fields if "OPSCTL_CONTAINER" in fields else read()  # a call is also told as any other one is, before and after

        yield read


def run(root: Path, *words: str, given: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    """opsctl without a terminal, as over `ssh host command` or from cron."""
    source = {"stdin": subprocess.DEVNULL} if given is None else {"input": given}
    return subprocess.run(
        host.command("shell", *words), capture_output=True, env=host.environment(root), cwd="/", timeout=PATIENCE, check=False, **source
    )


class Terminal:
    """opsctl on a terminal of 33 lines and 111 columns, in a session of its own."""

    def __init__(self, root: Path, *words: str) -> None:
        self.master, slave = pty.openpty()
        self.resize(33, 111)
        self.process = subprocess.Popen(
            ["setsid", "--ctty", *host.command("shell", *words)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=host.environment(root),
            cwd="/",
        )
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        self.seen = b""

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text: bytes) -> None:
        os.write(self.master, text)

    def await_(self, pattern: bytes) -> None:
        deadline = time.monotonic() + PATIENCE
        while not re.search(pattern, self.seen):
            assert time.monotonic() < deadline, self.seen
            if select.select([self.master], [], [], 0.1)[0]:
                self.seen += os.read(self.master, 65536)

    def ended(self) -> int:
        deadline = time.monotonic() + PATIENCE
        while self.process.poll() is None:  # somebody reads what it writes
            assert time.monotonic() < deadline, self.seen
            if select.select([self.master], [], [], 0.05)[0]:
                self.seen += os.read(self.master, 65536)
        return self.process.returncode

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.slave)
        os.close(self.master)


@pytest.fixture
def terminal(root: Path) -> Iterator[Callable[..., Terminal]]:
    begun: list[Terminal] = []

    def begin(*words: str) -> Terminal:
        begun.append(Terminal(root, *words))
        return begun[-1]

    yield begin
    for one in begun:
        one.close()


# Without a terminal


@pytest.mark.parametrize("code", [0, 1, 3, 42, 255])
def test_the_exit_status_is_that_of_the_command(docker: Dockerd, root: Path, code: int) -> None:
    done = run(root, "web", "sh", "-c", f"echo out; echo err >&2; exit {code}")
    assert (done.returncode, done.stdout) == (code, b"out\n") and b"err\n" in done.stderr


def test_input_goes_in_and_bytes_come_out_as_they_are(docker: Dockerd, root: Path) -> None:
    data = bytes(range(256)) * 3000
    done = run(root, "web", "cat", given=data)
    assert done.returncode == 0 and done.stdout == data
    assert docker.executions["x0"].config["Tty"] is False


def test_a_command_that_writes_before_it_reads_does_not_wait_for_ever(docker: Dockerd, root: Path) -> None:
    """More than all buffers hold on the way there and on the way back: `pg_dump | opsctl shell db sh -c …` stood still."""
    data = b"x" * 4_000_000
    done = run(root, "web", "sh", "-c", "head -c 4000000 /dev/zero; cat", given=data)
    assert done.returncode == 0 and done.stdout == bytes(4_000_000) + data


def test_a_loop_over_lines_ends_where_the_command_reads_nothing(docker: Dockerd, root: Path) -> None:
    assert run(root, "web", "true", given=b"x" * 200_000).returncode == 0


def test_options_of_the_command_are_its_own(docker: Dockerd, root: Path) -> None:
    for words in (["web", "echo", "--json", "-n", "--stack"], ["web", "--", "echo", "--json", "-n", "--stack"]):
        assert run(root, *words).stdout == b"--json -n --stack\n"
    done = run(root, "web", "--root")
    assert done.returncode == 2 and b"--root stands behind the service: write options before it" in done.stderr


@pytest.mark.parametrize("words", [["web"], ["--tty", "web", "ls"]])
def test_without_a_terminal_none_is_made(docker: Dockerd, root: Path, words: list[str]) -> None:
    done = run(root, *words)
    assert done.returncode == 2 and b"`ssh -t`" in done.stderr and docker.executions == {}


def test_it_is_the_user_of_the_container_or_root(docker: Dockerd, root: Path) -> None:
    run(root, "web", "true")
    run(root, "--root", "web", "true")
    configs = [execution.config for execution in docker.executions.values()]
    assert "User" not in configs[0] and configs[1]["User"] == "0" and "Env" not in configs[0]


def test_a_healthy_replica_is_chosen_and_one_can_be_named(docker: Dockerd, root: Path) -> None:
    docker.boxes[next(iter(docker.boxes))].health = "unhealthy"
    second, third = docker.add("shop", "web", 2), docker.add("shop", "web", 3, state="exited")

    def asked() -> str:
        return [line for line in docker.asked if line.endswith("}") and "/exec " in line][-1]

    assert run(root, "web", "true").returncode == 0 and second.id in asked()
    assert run(root, "--replica", "1", "web", "true").returncode == 0 and "1/exec" in asked()
    assert b"opsctl: shop-web-1 is unhealthy\n" in run(root, "--replica", "1", "web", "true").stderr
    stopped = run(root, "--replica", "3", "web", "true")
    assert stopped.returncode == 2 and b"there are: 1 running/unhealthy, 2 running/healthy, 3 exited/healthy" in stopped.stderr and third
    none = run(root, "--replica", "9", "web", "true")
    assert none.returncode == 2 and b"has no replica 9; there are: 1 running" in none.stderr
    assert b"there is no service 'wbe': did you mean web?" in run(root, "wbe", "true").stderr
    assert b"no container of db of shop runs; there are: none" in run(root, "db", "true").stderr


def test_what_is_not_in_the_image_is_said_so(docker: Dockerd, root: Path) -> None:
    done = run(root, "web", "no-such-program", "x")
    said = done.stderr.splitlines()[-1]
    assert done.returncode == 127 and said.startswith(b"opsctl: shop-web-1 cannot run no-such-program: ") and b"not found in $PATH" in said


def test_a_fault_of_the_engine_is_none_of_the_command_whatever_it_says(docker: Dockerd, root: Path) -> None:
    """The exit status tells them apart, not the words."""
    done = run(root, "web", "when-the-engine-fails")
    assert done.returncode not in (0, 126, 127) and b"cannot run" not in done.stderr and b"for the shim" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_signals_reach_the_command(docker: Dockerd, root: Path, number: signal.Signals) -> None:
    script = f"trap 'echo got; exit 9' {number.name.removeprefix('SIG')}; echo ready; while :; do sleep 0.05; done"
    process = subprocess.Popen(
        host.command("shell", "web", "sh", "-c", script),
        stdout=subprocess.PIPE,
        env=host.environment(root),
        cwd="/",
        stdin=subprocess.DEVNULL,
    )
    assert process.stdout and process.stdout.readline() == b"ready\n"
    process.send_signal(number)
    assert process.stdout.read() == b"got\n" and process.wait(PATIENCE) == 9


def test_a_command_that_dies_of_a_signal_has_its_status(docker: Dockerd, root: Path) -> None:
    assert run(root, "web", "sh", "-c", "kill -KILL $$").returncode == 137


def test_a_command_whose_reader_has_left_does_not_go_on_for_ever(docker: Dockerd, root: Path) -> None:
    command = " ".join(map(repr, host.command("shell", "web", "yes")))
    done = subprocess.run(
        ["bash", "-c", f"{command} </dev/null | head -1; echo ${{PIPESTATUS[0]}}"],
        capture_output=True,
        text=True,
        env=host.environment(root),
        cwd="/",
        timeout=PATIENCE,
        check=False,
    )
    assert done.stdout == "y\n141\n" and "Broken" not in done.stderr
    process = docker.executions["x0"].process
    assert process and process.wait(PATIENCE) != 0


def test_a_container_that_goes_away_meanwhile_is_an_error(docker: Dockerd, root: Path) -> None:
    process = subprocess.Popen(
        host.command("shell", "web", "sh", "-c", "echo ready; sleep 60"),
        stdout=subprocess.PIPE,
        env=host.environment(root),
        cwd="/",
        stdin=subprocess.DEVNULL,
    )
    assert process.stdout and process.stdout.readline() == b"ready\n"
    command = docker.executions["x0"].process
    assert command
    os.killpg(command.pid, signal.SIGKILL)
    assert process.wait(PATIENCE) == 137


# On a terminal


def test_a_shell_on_a_terminal_and_the_terminal_afterwards(docker: Dockerd, terminal: Callable[..., Terminal]) -> None:
    shown = terminal("web")
    shown.await_(rb"[$#] ")
    shown.type(b"stty size; echo term=$TERM\r")
    shown.await_(rb"33 111\r\n(.|\n)*term=xterm")
    shown.resize(20, 70)
    shown.process.send_signal(signal.SIGWINCH)  # setsid(1) has left its place to opsctl
    deadline = time.monotonic() + PATIENCE
    while docker.executions["x0"].sizes[-1] != (20, 70):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    shown.type(b"exit 5\r")
    assert shown.ended() == 5
    assert docker.executions["x0"].config["Tty"] is True
    assert termios.tcgetattr(shown.slave)[:4] == shown.before[:4]  # echo and all else are as before


def test_ctrl_c_goes_to_what_runs_in_the_shell(docker: Dockerd, terminal: Callable[..., Terminal]) -> None:
    shown = terminal("web")
    shown.await_(rb"[$#] ")
    shown.type(b"echo be''gun; sleep 100\r")
    shown.await_(rb"begun\r\n")
    time.sleep(0.3)
    shown.type(b"\x03")
    shown.type(b"echo still he''re; exit 0\r")
    shown.await_(rb"still here")
    assert shown.ended() == 0


def test_a_connection_that_breaks_leaves_nothing_behind(docker: Dockerd, terminal: Callable[..., Terminal]) -> None:
    """`docker exec` leaves the shell, and what runs in it, in the container for ever."""
    shown = terminal("web", "sh", "-c", "echo ready; sleep 300")
    shown.await_(rb"ready")
    shown.process.send_signal(signal.SIGHUP)
    assert shown.ended() in (129, 128 + signal.SIGHUP)
    process = docker.executions["x0"].process
    assert process and process.wait(PATIENCE) != 0


def test_a_command_on_a_terminal_may_be_without_one(docker: Dockerd, terminal: Callable[..., Terminal]) -> None:
    shown = terminal("--no-tty", "web", "sh", "-c", "test -t 1 || echo none")
    shown.await_(rb"none")
    assert shown.ended() == 0 and docker.executions["x0"].config["Tty"] is False


# The journal


def test_who_was_in_which_container_is_in_the_journal(
    docker: Dockerd, root: Path, journal: Callable[[], dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUDO_USER", "ada")
    run(root, "--root", "web", "psql", "-c", "ALTER ROLE x PASSWORD='hunter2hunter2'")
    fields = journal()
    assert re.fullmatch(r"ada \(pid \d+\)(, logged in as uid \d+)?: psql -c .* in shop-web-1 of shop as root", fields["MESSAGE"])
    assert (fields["OPSCTL_CONTAINER"], fields["OPSCTL_STACK"], fields["OPSCTL_USER"]) == ("shop-web-1", "shop", "root")
    assert fields["SYSLOG_IDENTIFIER"] == "opsctl" and "hunter2" not in str(fields)


def test_a_command_cannot_write_fields_of_its_own(docker: Dockerd, root: Path, journal: Callable[[], dict[str, str]]) -> None:
    run(root, "web", "echo", "x\nOPSCTL_WHO=nobody\nPRIORITY=7")
    fields = journal()
    assert fields["PRIORITY"] == "5" and "nobody" not in fields["OPSCTL_WHO"] and "\n" not in fields["MESSAGE"]


def test_without_a_journal_that_is_said(docker: Dockerd, root: Path) -> None:
    done = run(root, "web", "true")
    assert done.returncode == 0 and b"opsctl: this is not noted in the journal: " in done.stderr
