# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many requests a rollout loses: ours, and `docker compose up -d` with the same nginx on the same host in the same run.

`make bench` prints a table and writes .artifacts/bench/rollout.json and rollout.svg. Load comes from the client host of the test network.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "hosts"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "load"))

import harness
import picture
import site_host

ROOT = Path(__file__).resolve().parents[2]
HOST = "bench-rollout"
RESULTS = ROOT / ".artifacts/bench"
IMAGE = "registry.example.test:5000/latentum/api-gateway"
VERSIONS = ("1.1.0", "1.3.0", "1.4.0", "1.0.0")
STACK = "latentum"
KEEPALIVE_MIN = 2.0  # seconds, role nginx's default
# WebSockets of this load never end by themselves: they are what the drain waits for, up to its timeout.
POLICIES = {
    "stack_policies": [
        {"service": "api-gateway", "min_healthy": 2, "drain_timeout": 8, "observe": 2},
        *({"service": name} for name in ("model-server", "worker")),
        *({"service": name, "strategy": "recreate"} for name in ("database", "cache")),
    ]
}
PLAIN = "/root/bench-plain"
# Connections by class; wrk and hey come on top of them.
MIX = {"keepalive": 8, "new": 2, "post": 4, "slow": 4, "websocket": 4, "jobs": 2}
WRK_CONNECTIONS, HEY_CONNECTIONS = 16, 4


@dataclass
class Rollout:
    """One rollout: seconds in all, until the new containers run, until healthy, of the drain, and what it took beyond these three."""

    version: str
    seconds: float
    start: float
    healthy: float
    drain: float
    over: float
    requests: int
    failed: int


@dataclass
class Series:
    """Rollouts of one kind under one load; requests and failures are those that the clients saw."""

    what: str
    requests: int = 0
    failed: int = 0
    rollouts: list[Rollout] = field(default_factory=list)
    classes: dict[str, Any] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)
    wrk: dict[str, Any] = field(default_factory=dict)
    hey: dict[str, Any] = field(default_factory=dict)
    jobs_acknowledged: int = 0
    jobs_missing: int = 0
    p99_steady_ms: float | None = None
    p99_rollout_ms: float | None = None
    marks: list[tuple[float, str]] = field(default_factory=list)
    seconds: list[dict[str, Any]] = field(default_factory=list)


def inside(*argv: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
    """A command on the host; its failure is the benchmark's."""
    return subprocess.run(["docker", "exec", HOST, *argv], capture_output=True, text=True, check=True, timeout=timeout)


def ours(version: str) -> Rollout:
    """One rolling update by the engine, as an operator on the host would do it."""
    started = time.monotonic()
    done = json.loads(inside("opsctl", "deploy", "--json", "--image", f"api-gateway={IMAGE}:{version}").stdout)
    took = time.monotonic() - started
    parts: dict[str, float] = done["seconds"]
    start, healthy, drain = (parts.get(f"api-gateway: {part}", 0.0) for part in ("start", "healthy", "drain"))
    over = parts["api-gateway"] - start - healthy - max(drain, KEEPALIVE_MIN)
    return Rollout(version, round(took, 2), start, healthy, drain, round(over, 2), done["requests"], done["failed_requests"])


def plain(version: str) -> Rollout:
    """What people do without it: change the tag, `docker compose up -d`. nginx follows the new addresses by events all the same."""
    started = time.monotonic()
    script = f"""set -e
mkdir -p {PLAIN}
sed -E 's#{IMAGE}:[^ "]+#{IMAGE}:{version}#' /opt/{STACK}/compose.yaml > {PLAIN}/compose.yaml
cd /opt/{STACK}
docker compose --project-name {STACK} --project-directory . --file {PLAIN}/compose.yaml up --detach --no-deps api-gateway
for n in $(seq 300); do
  test "$(docker ps --filter name={STACK}-api-gateway --filter health=healthy --quiet | wc -l)" = 2 && exit 0; sleep 0.2
done; exit 1"""
    inside("sh", "-c", script)
    return Rollout(version, round(time.monotonic() - started, 2), 0, 0, 0, 0, 0, 0)


class Side:
    """wrk and hey beside the honest client: many requests over HTTP/1.1 and HTTP/2."""

    def __init__(self, url: str, seconds: int) -> None:
        self.wrk: harness.Wrk | None = None
        self.hey: harness.Hey | None = None
        self.threads = [threading.Thread(target=self._wrk, args=(url, seconds)), threading.Thread(target=self._hey, args=(url, seconds))]
        for thread in self.threads:
            thread.start()

    def _wrk(self, url: str, seconds: int) -> None:
        self.wrk = harness.wrk(harness.CLIENT_CONTAINER, f"{url}/version", seconds, WRK_CONNECTIONS, 1)

    def _hey(self, url: str, seconds: int) -> None:
        self.hey = harness.hey(harness.CLIENT_CONTAINER, f"{url}/version", seconds, HEY_CONNECTIONS, h2=True)

    def join(self) -> None:
        for thread in self.threads:
            thread.join()


def series(what: str, roll: Any, count: int, url: str, pace: float) -> Series:
    """So many rollouts, one each `pace` seconds, under one load."""
    measured = Series(what)
    load = harness.Load(harness.CLIENT_CONTAINER, url, site_host.root_of_pebble(), **MIX)
    load.start()
    side = Side(url, int(count * pace + 15))
    time.sleep(5)
    busy: list[tuple[float, float]] = []
    for number in range(count):
        began = time.time()
        rollout = roll(VERSIONS[number % len(VERSIONS)])
        busy.append((began, time.time()))
        measured.rollouts.append(rollout)
        measured.marks += [(began, f"{number + 1}: {rollout.version}")]
        print(f"  {what:<24} {number + 1:2d}  {rollout.version}  {rollout.seconds:5.1f} s  over {rollout.over:4.1f} s", flush=True)
        time.sleep(max(0.0, pace - (time.time() - began)))
    side.join()
    result = load.stop()
    assert side.wrk and side.hey
    measured.requests = result.requests + side.wrk.requests + side.hey.requests
    measured.failed = result.failed + side.wrk.failed + side.hey.failed
    measured.classes = {name: asdict(requests) for name, requests in result.classes.items()}
    measured.failures, measured.wrk, measured.hey = result.failures, asdict(side.wrk), asdict(side.hey)
    measured.seconds = result.seconds
    measured.jobs_acknowledged, measured.jobs_missing = len(result.job_ids), missing_jobs(result.job_ids)
    rolling = [second["p99_ms"] for second in result.seconds if second["p99_ms"] and any(a <= second["t"] <= b for a, b in busy)]
    steady = [second["p99_ms"] for second in result.seconds if second["p99_ms"] and not any(a - 1 <= second["t"] <= b + 1 for a, b in busy)]
    measured.p99_rollout_ms = statistics.median(rolling) if rolling else None
    measured.p99_steady_ms = statistics.median(steady) if steady else None
    return measured


def missing_jobs(acknowledged: list[str]) -> int:
    """Jobs that were acknowledged and are not in PostgreSQL exactly once (the id is its key, so twice cannot be)."""
    deadline = time.monotonic() + 60
    while True:
        rows = set(
            inside(
                "docker", "exec", f"{STACK}-database-1", "psql", "-U", "latentum", "-Atc", "SELECT id FROM jobs", "latentumdb"
            ).stdout.split()
        )
        lost = set(acknowledged) - rows
        if not lost or time.monotonic() > deadline:
            return len(lost)
        time.sleep(1)


def main() -> int:
    """Provision, roll under load, compare, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rollouts", type=int, default=12)
    parser.add_argument("--pace", type=float, default=25, help="seconds from one rollout to the next")
    parser.add_argument("--platform", default="forky", choices=["forky", "trixie"])
    parser.add_argument("--keep", action="store_true", help="leave the host for the next run")
    options = parser.parse_args()
    RESULTS.mkdir(parents=True, exist_ok=True)
    url = site_host.provisioned(HOST, options.platform, "-e", json.dumps(POLICIES))
    try:
        mine = series("latentum.ops", ours, options.rollouts, url, options.pace)
        other = series("docker compose up -d", plain, options.rollouts, url, options.pace)
    finally:
        if not options.keep:
            site_host.tool("down", HOST)
    table = [mine, other]
    picture.timeline(
        RESULTS / f"rollout-{options.platform}.svg",
        panels=[picture.Panel(f"{row.what}: {row.failed} of {row.requests} requests lost", row.seconds, row.marks) for row in table],
        title=f"{options.rollouts} updates of a service with two containers ({options.platform})",
    )
    whole = {
        "platform": options.platform,
        "requests": mine.requests,
        "failed": mine.failed,
        "series": [{key: value for key, value in asdict(row).items() if key != "seconds"} for row in table],
    }
    (RESULTS / f"rollout{'' if options.platform == 'forky' else '-' + options.platform}.json").write_text(
        json.dumps(whole, indent=1) + "\n"
    )
    for row in table:
        took = statistics.median(rollout.seconds for rollout in row.rollouts)
        print(
            f"{row.what:<22} {row.requests:8d} requests  {row.failed:6d} failed  {took:5.1f} s a rollout (median)  "
            f"p99 {row.p99_steady_ms} ms steady, {row.p99_rollout_ms} ms rolling  jobs {row.jobs_acknowledged}, missing {row.jobs_missing}"
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
