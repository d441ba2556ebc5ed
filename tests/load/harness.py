# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The load from the controller's side: start and stop client.py in the client container, and read wrk's and hey's words.

What is to be measured happens between `start()` and `stop()`. Times end in _ms, or are in seconds.
"""

from __future__ import annotations

import json
import re
import sys
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

if (HOSTS := str(Path(__file__).resolve().parents[1] / "hosts")) not in sys.path:
    sys.path.insert(0, HOSTS)

from engine import HostsError, docker

HERE = Path(__file__).resolve().parent
CLIENT_CONTAINER = "latentum-ops-test-client"
# Seconds: until the first request, and from the order to stop to the result (a request may take 30 s to time out).
STARTED_WITHIN, STOPPED_WITHIN, LONGEST_RUN = 20.0, 60.0, 3600.0


@dataclass(frozen=True)
class ClassResult:
    """What one class of load met; percentiles are of the answered requests."""

    requests: int
    failed: int
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    max_ms: float
    connections: int = 0
    reconnected: int = 0
    unanswered: int = 0


@dataclass(frozen=True)
class Failure:
    """One lost request; time in epoch seconds."""

    time: float
    load: str
    text: str


@dataclass(frozen=True)
class Result:
    """What a whole run met; started, stopped and ended in epoch seconds, between the last two requests came to their end."""

    started: float
    stopped: float
    ended: float
    requests: int
    failed: int
    classes: dict[str, ClassResult]
    failures: dict[str, int]
    errors: list[Failure]
    job_ids: list[str]
    seconds: list[dict[str, Any]]

    @property
    def requests_per_second(self) -> float:
        return self.requests / max(self.stopped - self.started, 1e-9)

    @property
    def versions(self) -> dict[str, int]:
        """How many answers each version of the application gave."""
        total: dict[str, int] = {}
        for second in self.seconds:
            for version, count in second["versions"].items():
                total[version] = total.get(version, 0) + count
        return total

    @classmethod
    def parse(cls, text: str) -> Result:
        """From the words of client.py's result file."""
        raw = json.loads(text)
        return cls(
            started=raw["started"],
            stopped=raw["stopped"],
            ended=raw["ended"],
            requests=raw["totals"]["requests"],
            failed=raw["totals"]["failed"],
            classes={name: ClassResult(**shown) for name, shown in raw["classes"].items()},
            failures=raw["failures"],
            errors=[Failure(error["time"], error["class"], error["text"]) for error in raw["errors"]],
            job_ids=raw["job_ids"],
            seconds=raw["seconds"],
        )


def put(container: str, path: str, text: str) -> None:
    """Write a file in the container."""
    docker("exec", "--interactive", container, "sh", "-c", 'cat > "$1"', "sh", path, text_in=text)


@dataclass
class Load:
    """Mixed load; each class by its number of connections, rate in requests per second and class (0: as fast as answers come)."""

    container: str
    url: str
    ca: str | Path
    keepalive: int = 0
    new: int = 0
    post: int = 0
    slow: int = 0
    websocket: int = 0
    jobs: int = 0
    rate: float = 0
    processes: int = 1
    folder: str = field(init=False, default="")

    def argv(self) -> list[str]:
        """The command inside the container."""
        argv = [
            "python3",
            f"{self.folder}/client.py",
            "--url",
            self.url,
            "--ca",
            f"{self.folder}/ca.pem",
            "--out",
            f"{self.folder}/result.json",
        ]
        argv += ["--seconds", str(LONGEST_RUN), "--rate", str(self.rate), "--processes", str(self.processes)]
        for name in ("keepalive", "new", "post", "slow", "websocket", "jobs"):
            argv += [f"--{name}", str(getattr(self, name))]
        return argv

    def start(self) -> None:
        """Start the load, and return when its requests are under way."""
        if self.folder:
            raise HostsError("this load runs already")
        self.folder = f"/tmp/load-{uuid.uuid4().hex[:12]}"
        docker("exec", self.container, "mkdir", "-m", "700", self.folder)
        put(self.container, f"{self.folder}/client.py", (HERE / "client.py").read_text())
        put(self.container, f"{self.folder}/ca.pem", Path(self.ca).read_text())
        script = 'cd "$1" && shift && echo $$ > pid && exec "$@" > said 2>&1'
        docker("exec", "--detach", self.container, "sh", "-c", script, "sh", self.folder, *self.argv())
        self.wait_for("result.json.ready", STARTED_WITHIN)

    def stop(self) -> Result:
        """Stop the load, let what is under way come to its end, and tell what it met."""
        if not self.folder:
            raise HostsError("this load was not started")
        try:
            self.inside("kill -TERM $(cat pid)")
            self.wait_for("result.json", STOPPED_WITHIN)
            return Result.parse(self.inside("cat result.json"))
        finally:
            self.abandon()

    def abandon(self) -> None:
        """End the load without a result, and leave nothing behind; harmless when it has ended."""
        if self.folder:
            running = 'pid=$(cat pid 2>&1) && tr "\\0" " " < "/proc/$pid/cmdline" 2>&1 | grep -qF "$PWD"'
            self.inside(f'if {running}; then kill -TERM "$pid"; fi; rm -rf "$PWD"')
            self.folder = ""

    def inside(self, script: str) -> str:
        """What a shell line in the load's folder prints; the line's return code is not looked at."""
        return docker("exec", "--workdir", self.folder, self.container, "sh", "-c", script, check=False).stdout

    def wait_for(self, name: str, seconds: float) -> None:
        """Wait for a file in the load's folder; a load that has died says why."""
        end = time.monotonic() + seconds
        while True:
            # In this order: a process that has just written its file and ended is no dead one.
            state = self.inside(
                f'kill -0 "$(cat pid 2>&1)" 2>&1 && alive=1; test -e {name} && echo there || echo "${{alive:-dead}}"'
            ).strip()
            if state.endswith("there"):
                return
            if time.monotonic() > end or (state.endswith("dead") and time.monotonic() > end - seconds + 3):
                log = self.inside("cat said")[-1500:]
                self.abandon()
                raise HostsError(f"no {name} of the load within {seconds:.0f} s: {log}")
            time.sleep(0.2)


@dataclass(frozen=True)
class Wrk:
    """What wrk counted; seconds as it measured them."""

    requests: int
    seconds: float
    connect: int
    read: int
    write: int
    timeout: int
    bad_status: int

    @property
    def failed(self) -> int:
        return self.connect + self.read + self.write + self.timeout + self.bad_status

    @property
    def requests_per_second(self) -> float:
        return self.requests / max(self.seconds, 1e-9)


UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def parse_wrk(text: str) -> Wrk:
    """wrk's closing words as numbers; lines that it leaves out mean none."""
    ran = re.search(r"^\s*(\d+) requests in ([\d.]+)(us|ms|s|m|h),", text, re.MULTILINE)
    if not ran:
        raise HostsError(f"wrk did not run: {text.strip()[-500:]}")
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    connect, read, write, timeout = (int(number) for number in errors.groups()) if errors else (0, 0, 0, 0)
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    return Wrk(int(ran[1]), float(ran[2]) * UNITS[ran[3]], connect, read, write, timeout, int(bad[1]) if bad else 0)


def wrk(container: str, url: str, seconds: int, connections: int, threads: int, script: str | None = None) -> Wrk:
    """wrk for so many seconds; script is the text of a Lua script. wrk does not verify certificates."""
    argv = ["wrk", f"--duration={seconds}s", f"--connections={connections}", f"--threads={threads}", "--timeout=30s"]
    path = f"/tmp/wrk-{uuid.uuid4().hex[:12]}.lua"
    if script is not None:
        put(container, path, script)
        argv.append(f"--script={path}")
    try:
        return parse_wrk(docker("exec", container, *argv, url, timeout=seconds + 60).stdout)
    finally:
        if script is not None:
            docker("exec", container, "rm", "-f", path, check=False)


@dataclass(frozen=True)
class Hey:
    """What hey counted: answers by status, errors by their text; seconds as it measured them."""

    seconds: float
    statuses: dict[int, int]
    errors: dict[str, int]

    @property
    def requests(self) -> int:
        return sum(self.statuses.values()) + sum(self.errors.values())

    @property
    def failed(self) -> int:
        return sum(self.errors.values()) + sum(count for status, count in self.statuses.items() if status >= 400)

    @property
    def requests_per_second(self) -> float:
        return self.requests / max(self.seconds, 1e-9)


def parse_hey(text: str) -> Hey:
    """hey's closing words as numbers."""
    total = re.search(r"^\s*Total:\s+([\d.]+) secs", text, re.MULTILINE)
    if not total:
        raise HostsError(f"hey did not run: {text.strip()[-500:]}")
    errors: dict[str, int] = {}
    for count, error in re.findall(r"^\s*\[(\d+)\]\s+(.+?)\s*$", text.partition("Error distribution:")[2], re.MULTILINE):
        errors[error] = errors.get(error, 0) + int(count)
    answers = text.partition("Status code distribution:")[2].partition("Error distribution:")[0]
    statuses = {int(status): int(count) for status, count in re.findall(r"^\s*\[(\d{3})\]\s+(\d+) responses", answers, re.MULTILINE)}
    return Hey(float(total[1]), statuses, errors)


def hey(container: str, url: str, seconds: int, concurrency: int, h2: bool = False) -> Hey:
    """hey for so many seconds, over HTTP/2 when asked. hey does not verify certificates."""
    argv = ["hey", "-z", f"{seconds}s", "-c", str(concurrency), "-t", "30", *(["-h2"] if h2 else []), url]
    return parse_hey(docker("exec", container, *argv, timeout=seconds + 60).stdout)
