# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Prometheus that has what a test says: blocks made of it by its own tool, as if it had been scraped all the time."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from ..free_ports import free_port
from .judge import PROMETHEUS, PROMTOOL

Point = tuple[float, float]  # seconds since the epoch, value


@dataclass(frozen=True)
class Recorded:
    """One series."""

    name: str
    labels: Mapping[str, str]
    points: Sequence[Point]


def now() -> int:
    """The time at which what is recorded may end: whole minutes, and not before a Prometheus has forgotten it."""
    return int(time.time()) // 60 * 60


def budget(slo: str, events: float, failed: float, ratios: Mapping[str, float] | None = None, stack: str = "shop") -> list[Recorded]:
    """What the rules record of one objective, in the last ten minutes."""
    times = range(now() - 600, now() + 1, 60)
    numbers = {"slo:events:window": events, "slo:failed_events:window": failed}
    numbers |= {f"slo:error_ratio:{window}": ratio for window, ratio in (ratios or {}).items()}
    return [
        Recorded(name, {"stack": stack, "slo": slo, "service": "web"}, [(at, value) for at in times]) for name, value in numbers.items()
    ]


@contextmanager
def prometheus(folder: Path, recorded: Sequence[Recorded]) -> Iterator[str]:
    """Its address while it runs, with this in its blocks."""
    write_blocks(folder, recorded)
    with serving(folder) as address:
        yield address


def write_blocks(folder: Path, recorded: Sequence[Recorded]) -> None:
    """Blocks of a Prometheus that does not run."""
    lines = []
    for name in dict.fromkeys(series.name for series in recorded):
        lines.append(f"# TYPE {name} unknown")
        for series in recorded:
            if series.name == name:
                labels = ",".join(f"{label}={json.dumps(value)}" for label, value in series.labels.items())
                lines += [f"{name}{{{labels}}} {value!r} {at}" for at, value in series.points]
    (folder / "metrics").write_text("\n".join([*lines, "# EOF", ""]))
    # It reads all of the text once for each block.
    made = [str(PROMTOOL), "tsdb", "create-blocks-from", "--max-block-duration=1440h", "openmetrics", "metrics", "data"]
    subprocess.run(made, cwd=folder, check=True, capture_output=True)


def evaluate_rules(folder: Path, rules: str, start: int, end: int) -> None:
    """Blocks of what recording rules make of the blocks that there are, as if they had been evaluated all the time.

    A rule that reads what another one records sees it only in the next call.
    """
    (folder / "rules.yml").write_text(rules)
    with serving(folder) as address:
        made = [str(PROMTOOL), "tsdb", "create-blocks-from", "rules", "--url", address, "--output-dir", "data"]
        subprocess.run([*made, "--start", str(start), "--end", str(end), "rules.yml"], cwd=folder, check=True, capture_output=True)


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The address of a Prometheus with the blocks of a folder."""
    (folder / "prometheus.yml").write_text("{}\n")
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = [str(PROMETHEUS), "--config.file=prometheus.yml", "--storage.tsdb.path=data", f"--web.listen-address=127.0.0.1:{port}"]
    # Without it what is older than 15 days is gone with the first compaction.
    command.append("--storage.tsdb.retention.time=400d")
    with (folder / "log").open("w") as log, subprocess.Popen(command, cwd=folder, stdout=log, stderr=log) as server:
        try:
            _await_ready(f"{address}/-/ready", server)
            yield address
        finally:
            server.terminate()


def _await_ready(address: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=2):  # noqa: S310 - loopback
                return
        except OSError:
            time.sleep(0.1)
    pytest.fail("Prometheus did not become ready")
