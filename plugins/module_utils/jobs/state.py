# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the jobs of a stack have done on this host.

    /var/lib/latentum-ops/jobs/<stack>/<job>.json

A run is written down before its container starts, and again at its end: whoever finds a run that has begun, and whose lock is free, knows
that somebody was killed in the middle of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import Any

from ..core import paths
from ..core.versioned_json import known_fields, read_state, write_state

KEPT = 20  # runs of a job
OUTPUTS = 5  # of them with what they wrote
LINES = 200  # of the output of a run


class Result(Enum):
    """How a run ended."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    STOPPED = "stopped"  # somebody stopped the unit, or the host went down in an orderly way
    INTERRUPTED = "interrupted"  # its process was killed, or the host died


@dataclass(frozen=True)
class Run:
    """One run, with all its attempts.

    :param id: of one job unique.
    :param began: epoch seconds, as `ended`; 0 while it runs.
    :param why: ``schedule``, ``hand`` or ``first_start``.
    :param release: whose container it ran in.
    :param exit_code: of the last attempt; None where no container came to its end.
    :param reason: a sentence, where it did not succeed.
    :param output: the last lines of all its attempts, without secrets.
    """

    id: str
    began: float
    who: str
    why: str
    release: str = ""
    ended: float = 0.0
    result: str = Result.RUNNING.value
    exit_code: int | None = None
    reason: str = ""
    attempts: int = 0
    output: tuple[str, ...] = ()

    @property
    def succeeded(self) -> bool:
        """It did what it was to do."""
        return self.result == Result.SUCCEEDED.value

    @property
    def seconds(self) -> float:
        """How long it took; 0 while it runs."""
        return max(0.0, self.ended - self.began) if self.ended else 0.0


@dataclass(frozen=True)
class Record:
    """All that is known of one job.

    :param runs: the last ones, the newest last.
    :param success: when it last succeeded (epoch seconds); 0 for never.
    :param successes: how often it has succeeded.
    :param failures: how often it has not.
    :param skipped: when a run was due and did not begin, and why.
    :param armed: when its timer was last started (epoch seconds). systemd takes the first start of a timer that makes good what was missed
        for a run, and tells so after the next boot.
    """

    runs: tuple[Run, ...] = ()
    success: float = 0.0
    successes: int = 0
    failures: int = 0
    skipped: Mapping[str, Any] = field(default_factory=dict)
    armed: float = 0.0

    @property
    def last(self) -> Run | None:
        """The newest run."""
        return self.runs[-1] if self.runs else None


def folder_of(stack: str) -> Path:
    """Where they are kept."""
    return paths.JOBS / stack


def load(stack: str, job: str) -> Record:
    """What is known of a job.

    :raises ValueError: its file is damaged, or of a newer engine.
    """
    raw = read_state(folder_of(stack) / f"{job}.json", {})
    record = known_fields(Record, raw)
    runs = tuple(replace(run, output=tuple(run.output)) for run in (known_fields(Run, entry) for entry in raw.get("runs", ())))
    return replace(record, runs=runs)


def save(stack: str, job: str, record: Record) -> None:
    """Write it down; of old runs without what they wrote."""
    kept = record.runs[-KEPT:]
    runs = [replace(run, output=()) for run in kept[:-OUTPUTS]] + [replace(run, output=run.output[-LINES:]) for run in kept[-OUTPUTS:]]
    paths.shared_folder(folder_of(stack), paths.LISTED)
    content = {**asdict(record), "runs": [asdict(run) for run in runs]}
    write_state(folder_of(stack) / f"{job}.json", content, paths.READABLE, gid=paths.watchdog_gid())


def begun(record: Record, run: Run) -> Record:
    """With a run that begins."""
    return replace(record, runs=(*record.runs, run))


def ended(record: Record, run: Run) -> Record:
    """With the end of the run that began last."""
    known: Sequence[Run] = [earlier for earlier in record.runs if earlier.id != run.id]
    counted = {"success": run.ended, "successes": record.successes + 1} if run.succeeded else {"failures": record.failures + 1}
    return replace(record, runs=(*known, run), **counted)


def skipped(record: Record, at: float, why: str) -> Record:
    """With a run that was due and did not begin."""
    return replace(record, skipped={"at": at, "why": why})
