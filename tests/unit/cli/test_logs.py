# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The containers of a stack: what `ps` shows, `logs` reads and follows, against an engine that speaks as dockerd does."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.cli import log_view
from ansible_collections.latentum.ops.plugins.module_utils.cli.log_view import Lines, since_from
from ansible_collections.latentum.ops.plugins.module_utils.containers import client
from ansible_collections.latentum.ops.plugins.module_utils.release.store import Release, Store

from . import host
from .dockerd import START, Box, Dockerd, stamp

SECRET = "s3cr3t-of-the-shop-93kd"
PATIENCE = 900.0  # seconds for a process on a machine that is busy with other things


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    host.point_to(tmp_path, monkeypatch.setattr)
    monkeypatch.chdir("/")
    monkeypatch.delenv("NO_COLOR", raising=False)
    host.declare(tmp_path, "shop", "web", "db")
    (tmp_path / "etc/secrets/shop").mkdir(parents=True)
    (tmp_path / "etc/secrets/shop/db_password").write_text(SECRET + "\n")
    return tmp_path


@pytest.fixture
def docker(root: Path) -> Iterator[Dockerd]:
    engine = Dockerd(root / "docker.sock")
    yield engine
    engine.close()


@pytest.fixture
def opsctl(docker: Dockerd, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """opsctl in this process: exit status and both outputs."""

    def run(*words: str) -> tuple[int, str, str]:
        code = host.run(words)
        answer = capsys.readouterr()
        return code, answer.out, answer.err

    return run


Opsctl = Callable[..., tuple[int, str, str]]


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, "it does not come"
        time.sleep(0.05)


# ps


def released(stack: str, definition: str) -> str:
    project = {"services": {"web": {"image": "x", "labels": {"com.latentum.ops.definition": definition}}}}
    release = Release(stack, f"/opt/{stack}", project, {}, [{"service": "web"}], [])
    Store(stack).save(release)
    Store(stack).set_live(release.id)
    return release.id


def test_ps_shows_each_container_and_what_has_none(docker: Dockerd, opsctl: Opsctl) -> None:
    old, live = released("shop", "d1"), released("shop", "d2")
    docker.add("shop", "web", 1, definition="d1")
    docker.add("shop", "web", 2, definition="d2", address="172.20.0.3")
    docker.add("shop", "web", 10, definition="d3", health="unhealthy")
    docker.add("shop", "job", 1, state="exited", health="none", exit_code=0)
    docker.add("shop", "old", 1, state="exited", health="none", exit_code=137)
    docker.add("blog", "web", 1)
    code, out, _err = opsctl("ps", "--wide")
    rows = [line.split() for line in out.splitlines()]
    digest = "0123456789ab"
    assert code == 0 and rows[0][:4] == ["service", "replica", "state", "health"]
    assert rows[1] == ["!!", "db", "none"]
    assert rows[2][:6] == ["ok", "job", "1", "exited", "(0)", "none"]
    assert rows[3][:6] == ["!!", "old", "1", "exited", "(137)", "none"]
    assert rows[4] == ["ok", "web", "1", "running", "healthy", "1d", "1h", "0", "172.20.0.2", "web:1.4.2", digest, old]
    assert rows[5][-1] == live and rows[5][2] == "2" and rows[6][:3] == ["!!", "web", "10"] and rows[6][-1] == digest
    code, out, _err = opsctl("ps", "web", "--json")
    (stack,) = json.loads(out)["stacks"]
    assert stack["stack"] == "shop" and [one["replica"] for one in stack["containers"]] == [1, 2, 10]
    facts = "name state health since uptime restarts exit_code address image digest release"
    assert set(stack["containers"][0]) == {"service", "replica", *facts.split()}


def test_ps_of_several_stacks_and_of_a_service_that_is_none(root: Path, docker: Dockerd, opsctl: Opsctl) -> None:
    host.declare(root, "blog", "web")
    docker.add("shop", "web")
    docker.add("blog", "web")
    assert re.findall(r"^stack (\w+)$", opsctl("ps")[1], re.MULTILINE) == ["blog", "shop"]
    assert re.findall(r"^stack (\w+)$", opsctl("ps", "db")[1], re.MULTILINE) == ["shop"] or "stack" not in opsctl("ps", "db")[1]
    assert opsctl("ps", "wbe")[0::2] == (2, "opsctl: there is no service 'wbe': did you mean web?\n")
    code, out, _err = opsctl("ps", "wbe", "--json")
    assert code == 2 and json.loads(out)["error"]["kind"] == "failed"


@pytest.mark.parametrize(("columns", "gone"), [(200, []), (100, ["address"]), (60, ["address", "digest", "restarts"])])
def test_a_narrow_terminal_does_without_columns(columns: int, gone: list[str], docker: Dockerd, root: Path) -> None:
    docker.add("shop", "web", definition="d1")
    out = on_terminal(root, "ps", columns=columns)[1].decode()
    lines = [line.rstrip() for line in out.splitlines()]
    assert max(map(len, lines)) <= columns
    assert [name for name in ("address", "digest", "restarts") if name not in lines[0].split()] == gone


def on_terminal(root: Path, *words: str, columns: int = 120, **environment: str) -> tuple[int, bytes]:
    """opsctl whose output is a terminal."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(
        host.command(*words), stdin=subprocess.DEVNULL, stdout=slave, stderr=slave, env=host.environment(root, **environment), cwd="/"
    )
    os.close(slave)
    output = b""
    while True:
        try:
            part = os.read(master, 65536)
        except OSError:
            break
        if not part:
            break
        output += part
    os.close(master)
    return process.wait(PATIENCE), output


# logs


def texts(out: str) -> list[str]:
    return [line.partition("| ")[2] for line in out.splitlines()]


def test_replicas_are_merged_by_their_times_with_a_prefix(docker: Dockerd, opsctl: Opsctl) -> None:
    first, second, other = docker.add("shop", "web", 1), docker.add("shop", "web", 2), docker.add("shop", "db", 1)
    for number in range(3):
        docker.write(first, b"a%d" % number)
        docker.write(second, b"b%d" % number, 2)
        docker.write(other, b"c%d" % number)
    code, out, err = opsctl("logs", "web")
    assert (code, err) == (0, "")
    assert out.splitlines() == ["web-1 | a0", "web-2 | b0", "web-1 | a1", "web-2 | b1", "web-1 | a2", "web-2 | b2"]
    assert texts(opsctl("logs")[1]) == ["a0", "b0", "c0", "a1", "b1", "c1", "a2", "b2", "c2"]
    assert texts(opsctl("logs", "-n", "1")[1]) == ["a2", "b2", "c2"]
    assert opsctl("logs", "web", "--replica", "2", "-n", "1", "--no-prefix")[1] == "b2\n"
    assert opsctl("logs", "db", "-n", "1", "--timestamps")[1] == f"db-1 | {stamp(docker.clock)[:23]}Z c2\n"


def test_logs_are_an_object_for_programs(docker: Dockerd, opsctl: Opsctl) -> None:
    docker.write(docker.add("shop", "web", 1), b"hello")
    code, out, _err = opsctl("logs", "web", "--json")
    line = {"at": f"{stamp(START + 1_000_000)[:23]}Z", "service": "web", "replica": 1, "container": "shop-web-1", "text": "hello"}
    assert code == 0 and json.loads(out) == {"stack": "shop", "lines": [line]}


@pytest.mark.parametrize("text", [SECRET, f"password={SECRET}", f"\x1b[32m{SECRET}\x1b[0m", f"x{SECRET[:8]}\x1b[1m{SECRET[8:]}y"])
def test_secrets_are_hidden(docker: Dockerd, opsctl: Opsctl, text: str) -> None:
    docker.write(docker.add("shop", "web", 1), text.encode())
    for words in ([], ["--colour", "always"], ["--json"]):
        out = opsctl("logs", *words)[1]
        assert SECRET not in re.sub(r"\x1b\[[\d;]*m", "", out) and "********" in out


def test_a_secret_with_a_tab_in_it_is_hidden(root: Path, docker: Dockerd, opsctl: Opsctl) -> None:
    (root / "etc/secrets/shop/db_password").write_text("left\tright-of-it")
    docker.write(docker.add("shop", "web", 1), b"is left\tright-of-it")
    assert texts(opsctl("logs")[1]) == ["is ********"]


def test_nobody_finds_a_secret_by_searching_for_it(docker: Dockerd, opsctl: Opsctl) -> None:
    box = docker.add("shop", "web", 1)
    docker.write(box, f"is {SECRET}".encode())
    docker.write(box, b"is not")
    assert texts(opsctl("logs", "--grep", "s3cr3t")[1]) == []
    assert texts(opsctl("logs", "--grep", "^is")[1]) == ["is ********", "is not"]


def test_the_last_lines_are_the_last_that_fit(docker: Dockerd, opsctl: Opsctl) -> None:
    box = docker.add("shop", "web", 1)
    for number in range(300):
        docker.write(box, b"%d %s" % (number, b"ERROR" if number % 100 == 0 else b"fine"))
    assert texts(opsctl("logs", "--grep", "(?i)error", "-n", "2")[1]) == ["100 ERROR", "200 ERROR"]
    assert len(texts(opsctl("logs")[1])) == 100 and len(texts(opsctl("logs", "-n", "all")[1])) == 300


def test_since_is_a_time_or_how_long_ago(docker: Dockerd, opsctl: Opsctl) -> None:
    box = docker.add("shop", "web", 1)
    for number in range(200):
        docker.write(box, b"%d" % number)
    assert texts(opsctl("logs", "--since", stamp(box.log[150][0])[:23] + "Z")[1])[0] == "150"
    assert len(texts(opsctl("logs", "--since", "2026-11-20")[1])) == 200
    assert abs(since_from("2h") - (time.time() - 7200)) < 5


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--since", "yesterday"], "--since 'yesterday': write a time such as"),
        (["-n", "-5"], "--lines '-5': write a number, or all"),
        (["-n", "x"], "--lines 'x': write a number, or all"),
        (["--grep", "a["], "is no regular expression"),
        (["wbe"], "did you mean web?"),
        (["db"], "there is no container to read: look at opsctl ps"),
        (["web", "--replica", "7"], "there is no replica 7, no container to read"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_read(
    docker: Dockerd, opsctl: Opsctl, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    docker.add("shop", "web", 1)
    try:
        code, out, err = opsctl("logs", *words)
    except SystemExit as left:
        code, (out, err) = int(left.code or 0), capsys.readouterr()
    assert code == 2 and out == "" and message in err and not any("/logs" in asked for asked in docker.asked)


def test_bytes_that_are_no_text_and_what_would_move_the_cursor(docker: Dockerd, opsctl: Opsctl) -> None:
    box = docker.add("shop", "web", 1)
    for raw in (
        b"caf\xe9 \xff",
        "naïve 日本 🚀".encode(),
        b"\x1b]0;title\x07\x1b[2J\x1b[10;10Hhere\x08\x07",
        b"10 %\r50 %\r100 %",
        b"end\r",
        b"",
        b"a\tb",
    ):
        docker.write(box, raw)
    assert texts(opsctl("logs", "-n", "all")[1]) == [
        "caf\ufffd \ufffd",
        "naïve 日本 🚀",
        "here",
        "10 %",
        "50 %",
        "100 %",
        "end",
        "",
        "a       b",
    ]


def test_colours_of_a_program_stay_on_a_terminal_only(docker: Dockerd, opsctl: Opsctl, root: Path) -> None:
    docker.write(docker.add("shop", "web", 1), b"\x1b[31mred\x1b[0m \x1b[2Jplain")
    assert opsctl("logs")[1] == "web-1 | red plain\n"
    code, shown = on_terminal(root, "logs")
    assert code == 0 and shown == b"\x1b[36mweb-1 |\x1b[0m \x1b[31mred\x1b[0m plain\x1b[0m\r\n"
    assert on_terminal(root, "logs", NO_COLOR="1")[1] == b"web-1 | red plain\r\n"
    assert on_terminal(root, "logs", TERM="dumb")[1] == b"web-1 | red plain\r\n"
    assert on_terminal(root, "logs", NO_COLOR="")[1] == shown  # set, and empty: no-color.org


def test_a_line_in_many_messages_is_one_line_and_its_times_are_not_in_it(docker: Dockerd, opsctl: Opsctl) -> None:
    """json-file cuts at 16 KiB, and the engine puts a time before each part, also in the middle of a word."""
    box = docker.add("shop", "web", 1)
    docker.write(box, b"x" * 50_000 + SECRET.encode() + b"y" * 20_000)
    docker.write(box, b"z" * (16384 - 9) + SECRET.encode())  # across the cut
    docker.write(box, b"after")
    docker.chunk = 1000  # and frames are cut anywhere on their way
    shown = texts(opsctl("logs")[1])
    assert shown == ["x" * 50_000 + "********" + "y" * 20_000, "z" * (16384 - 9) + "********", "after"]


def test_of_a_line_without_an_end_the_beginning_is_shown_and_the_rest_is_counted() -> None:
    box = client.parse(Box("1" * 64, "shop", "web", 1).full())
    lines, feeding = Lines(box), stamp(START).encode() + b" "
    whole = b"a" * (log_view.LONGEST - 5) + b"TAIL" + b"b" * 3_000_000
    shown = [line for begin in range(0, len(whole), 16384) for line in lines.feed(1, feeding + whole[begin : begin + 16384])]
    assert shown == []
    (line, after) = [*lines.feed(1, feeding + b"end\n"), *lines.feed(1, feeding + b"next\n")]
    text = line.text()
    assert text.startswith("aaaa") and "TAIL" in text and text.endswith("bytes more") and len(text) < log_view.LONGEST + 100
    assert after.text() == "next"


def test_a_container_with_a_terminal_has_no_frames(docker: Dockerd, opsctl: Opsctl) -> None:
    box = docker.add("shop", "web", 1, terminal=True)
    for text in (b"one", b"two", b"\x01\x00\x00\x00no frame"):
        docker.write(box, text)
    docker.chunk = 7
    assert texts(opsctl("logs")[1]) == ["one", "two", "no frame"]


def test_both_outputs_of_a_container_are_lines_of_their_own() -> None:
    """A program that has begun a line on one output, and writes to the other."""
    box = client.parse(Box("1" * 64, "shop", "web", 1).full())
    lines, early, late = Lines(box), stamp(START).encode() + b" ", stamp(START + 5).encode() + b" "
    shown = [
        *lines.feed(1, early + b"out, "),
        *lines.feed(2, late + b"err\n"),
        *lines.feed(1, late + b"goes on\n"),
        *lines.feed(1, late + b"cut"),
    ]
    assert [(line.at, line.raw) for line in [*shown, *lines.rest()]] == [(START + 5, b"err"), (START, b"out, goes on"), (START + 5, b"cut")]


def test_a_log_that_cannot_be_read_is_told_and_others_are_shown(docker: Dockerd, opsctl: Opsctl) -> None:
    docker.add("shop", "web", 1, readable=False)
    docker.write(docker.add("shop", "web", 2), b"hello")
    code, out, err = opsctl("logs")
    assert code == 1 and texts(out) == ["hello"]
    assert err == "opsctl: the log of shop-web-1 cannot be read: configured logging driver does not support reading\n"


class Following:
    """opsctl that follows, as a process."""

    def __init__(self, root: Path, *words: str) -> None:
        # As at a terminal, also where the tests run behind an ampersand (tests/tools/lanes.sh): a shell has those ignore it.
        heeding = ["env", "--default-signal=INT"]
        self.process = subprocess.Popen(
            [*heeding, *host.command("logs", "-f", *words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=host.environment(root),
            cwd="/",
        )
        self.lines: list[str] = []
        self.told: list[str] = []
        for pipe, into in ((self.process.stdout, self.lines), (self.process.stderr, self.told)):
            threading.Thread(target=self._read, args=(pipe, into), daemon=True).start()

    @staticmethod
    def _read(pipe: IO[str], into: list[str]) -> None:
        for line in pipe:
            into.append(line.rstrip("\n"))

    def end(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(PATIENCE)


@pytest.fixture
def follow(root: Path) -> Iterator[Callable[..., Following]]:
    begun: list[Following] = []

    def begin(*words: str) -> Following:
        begun.append(Following(root, *words))
        return begun[-1]

    yield begin
    for one in begun:
        one.process.kill()
        one.process.wait()


def test_following_goes_on_through_restarts_and_new_containers(docker: Dockerd, follow: Callable[..., Following]) -> None:
    docker.clock = time.time_ns()
    first = docker.add("shop", "web", 1)
    docker.write(first, b"before")
    followed = follow("web")
    until(lambda: followed.lines)
    docker.clock = time.time_ns()
    docker.write(first, b"now")
    until(lambda: "web-1 | now" in followed.lines)
    docker.end(first)
    until(lambda: "-- shop-web-1 has ended with exit status 137" in followed.told)
    docker.clock = time.time_ns()
    docker.start(first)
    docker.write(first, b"again")
    until(lambda: "web-1 | again" in followed.lines)
    second = docker.add("shop", "web", 2)
    docker.start(second)
    docker.write(second, b"new")
    until(lambda: "web-2 | new" in followed.lines)
    stranger = docker.add("shop", "db", 1)
    docker.start(stranger)
    docker.write(stranger, b"of another service")
    docker.write(second, b"last")
    until(lambda: "web-2 | last" in followed.lines)
    assert followed.lines == ["web-1 | before", "web-1 | now", "web-1 | again", "web-2 | new", "web-2 | last"]  # each once
    assert followed.end() == 130


def test_whoever_has_read_enough_ends_it(docker: Dockerd, root: Path) -> None:
    """`opsctl logs -f | head -1`: it ends although nothing more is written, and says nothing of broken pipes."""
    docker.write(docker.add("shop", "web", 1), b"hello")
    command = " ".join(map(repr, host.command("logs", "-f")))
    began = subprocess.run(
        ["bash", "-c", f"{command} | head -1; echo ${{PIPESTATUS[0]}}"],
        capture_output=True,
        text=True,
        env=host.environment(root),
        cwd="/",
        timeout=PATIENCE,
        check=False,
    )
    assert began.stdout == "web-1 | hello\n141\n" and began.stderr == ""


def test_a_long_log_into_head_is_no_error(docker: Dockerd, root: Path) -> None:
    box = docker.add("shop", "web", 1)
    for number in range(20_000):
        docker.write(box, b"%d " % number + b"x" * 50)
    command = " ".join(map(repr, host.command("logs", "-n", "all")))
    ended = subprocess.run(
        ["bash", "-c", f"{command} | head -2; echo ${{PIPESTATUS[0]}}"],
        capture_output=True,
        text=True,
        env=host.environment(root),
        cwd="/",
        timeout=PATIENCE,
        check=False,
    )
    assert ended.stdout.splitlines()[-1] == "141" and ended.stderr == ""


def test_an_engine_that_goes_away_ends_it_with_a_sentence(docker: Dockerd, follow: Callable[..., Following]) -> None:
    docker.write(docker.add("shop", "web", 1), b"hello")
    followed = follow()
    until(lambda: followed.lines)
    docker.close()
    assert followed.process.wait(PATIENCE) == 2
    until(lambda: any("look at `systemctl status docker`" in line for line in followed.told))


def test_following_gives_an_object_a_line(docker: Dockerd, follow: Callable[..., Following]) -> None:
    docker.write(docker.add("shop", "web", 1), f"x {SECRET}".encode())
    followed = follow("--json")
    until(lambda: followed.lines)
    assert json.loads(followed.lines[0])["text"] == "x ********"
