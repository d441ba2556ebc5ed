# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every benchmark to its end, one after the other, and their numbers beside what is to be reached.

One that breaks does not keep the others from running; at the end it is named, and the exit status is 1. A number that misses its goal
is shown and is no failure: the machine may have had other things to do. The numbers are in .artifacts/bench/summary.json.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / ".artifacts/bench"
BENCHMARKS = ("site", "stacks", "rollout", "watchdog", "backup")


@dataclass(frozen=True)
class Number:
    """A number and the most that it is to be; `ratio` of both, so that 1 or less is reached."""

    what: str
    value: float
    most: float

    @property
    def ratio(self) -> float:
        return round(self.value / self.most, 2) if self.most else float(self.value > 0)


def of_rollout(measured: dict[str, Any]) -> Iterator[Number]:
    """Requests lost, what a batch takes beyond its start, health and drain, and what the clients feel of it."""
    ours, plain = measured["series"]
    over = [rollout["over"] for rollout in ours["rollouts"]]
    yield Number("rollout: requests lost", measured["failed"], 0)
    yield Number("rollout: overhead of a batch, largest, s", max(over), 3)
    yield Number("rollout: p99 while rolling by p99 before", ours["p99_rollout_ms"] / ours["p99_steady_ms"], 1.25)
    yield Number("rollout: requests lost by those of `docker compose up -d`", measured["failed"] / max(1, plain["failed"]), 1)


def of_watchdog(measured: dict[str, Any]) -> Iterator[Number]:
    """How fast it acts and what it costs."""
    ours, healer = measured["watchdog"], measured["polling_healer"]
    yield Number("watchdog: unhealthy to out of rotation, median, s", ours["out_of_rotation"]["median"], 0.3)
    yield Number("watchdog: unhealthy to restart begun, median, s", ours["restart_begun"]["median"], 1)
    yield Number("watchdog: CPU, % of a core", ours["cpu_percent"], 1)
    yield Number("watchdog: memory, MB", ours["rss_mb"], 45)
    yield Number(
        "watchdog: restart begun by that of a healer that polls", ours["restart_begun"]["median"] / healer["restart_begun"]["median"], 1
    )


def of_backup(measured: dict[str, Any]) -> Iterator[Number]:
    """Ours by PostgreSQL's own programs."""
    most = {"base backup and proof / pg_basebackup and a start on a copy": 1.3}
    for name, ratio in measured["ratios"].items():
        if name in most:
            yield Number(f"backup: {name}", ratio, most[name])
    yield Number("backup: requests lost meanwhile", measured["effect"]["failed"], 0)


def of_site(measured: dict[str, Any]) -> Iterator[Number]:
    """Seconds of a fresh host, and of runs that change nothing."""
    most = {("fresh", "plain"): 110.0, ("no change", "plain"): 18.0, ("no change", "mitogen"): 10.0}
    for run in measured["runs"]:
        if run["hosts"] == 1 and (limit := most.get((run["what"], run["strategy"]))):
            yield Number(f"site: {run['what']}, one host, {run['strategy']}, s", run["seconds"], limit)


def of_stacks(measured: dict[str, Any]) -> Iterator[Number]:
    """Further stacks of a host."""
    yield Number("stacks: no change, three by one", measured["ratio"], 1.4)


NUMBERS = {"site": of_site, "stacks": of_stacks, "rollout": of_rollout, "watchdog": of_watchdog, "backup": of_backup}


def written(file: Path) -> int:
    """When a file was written, in nanoseconds; 0 where there is none."""
    return file.stat().st_mtime_ns if file.exists() else 0


def carry_out(name: str) -> tuple[list[Number], str]:
    """Run one; its numbers, or why there are none."""
    file = RESULTS / f"{name}.json"
    before = written(file)
    done = subprocess.run([sys.executable, f"tests/bench/{name}.py"], cwd=ROOT, check=False)
    if done.returncode:
        return [], f"ended with exit status {done.returncode}"
    if written(file) == before:
        return [], f"wrote no {file.name}"
    try:
        return list(NUMBERS[name](json.loads(file.read_text()))), ""
    except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        return [], f"{file.name} has another form: {error!r}"


def main() -> int:
    """All of them, or those that are named."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("names", nargs="*", choices=[[], *BENCHMARKS], metavar="NAME", help=", ".join(BENCHMARKS))
    broken: dict[str, str] = {}
    numbers: list[Number] = []
    for name in options.parse_args().names or BENCHMARKS:
        print(f"== {name}", flush=True)
        measured, why = carry_out(name)
        numbers += measured
        if why:
            broken[name] = why
    RESULTS.mkdir(parents=True, exist_ok=True)
    shown = [{**asdict(number), "ratio": number.ratio} for number in numbers]
    (RESULTS / "summary.json").write_text(json.dumps({"numbers": shown, "broken": broken}, indent=2) + "\n")
    print(f"{'':62}{'measured':>10}{'at most':>10}{'ratio':>8}")
    for number in numbers:
        print(f"{number.what:62}{number.value:>10.2f}{number.most:>10.2f}{number.ratio:>8.2f}" + ("" if number.ratio <= 1 else "  missed"))
    for name, why in broken.items():
        print(f"{name}: {why}")
    return 1 if broken else 0


if __name__ == "__main__":
    raise SystemExit(main())
