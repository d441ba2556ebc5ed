# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rollout says while it works: to the terminal, to whoever follows it from elsewhere, and to its final table."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .masking import clean

FOLDER = Path("/run/latentum-ops")
SOON = 2.0  # seconds between two lines about waiting
SAME = 15.0  # seconds until the same words are said again, as a sign of life
KEPT = 3600.0  # seconds for which an attempt can be followed after its last word


def path(stack: str, attempt: str) -> Path:
    """The file of one attempt that its follower reads: one JSON object a line."""
    return FOLDER / f"{stack}.{re.sub(r'[^A-Za-z0-9_-]', '_', attempt)}.progress.jsonl"


@dataclass
class Progress:
    """Lines with time and percentage.

    :param attempt: names this run; a follower shows its lines only.
    :param tell: called with each line.
    """

    stack: str
    attempt: str
    tell: Callable[[str], None] = lambda _line: None
    silent: bool = False
    started: float = field(default_factory=time.monotonic)
    total: int = 0
    done: int = 0
    lines: list[str] = field(default_factory=list)
    timings: list[tuple[str, float]] = field(default_factory=list)
    _waited: float = 0.0
    _waiting: str = ""

    def __post_init__(self) -> None:
        if not self.silent:
            with suppress(OSError):
                FOLDER.mkdir(mode=0o750, parents=True, exist_ok=True)
                for old in FOLDER.glob(f"{self.stack}.*.progress.jsonl"):
                    if time.time() - old.stat().st_mtime > KEPT:
                        old.unlink(missing_ok=True)
                path(self.stack, self.attempt).write_text(json.dumps({"pid": os.getpid()}) + "\n")

    def say(self, text: str) -> None:
        """One line, now."""
        passed = time.monotonic() - self.started
        percent = f" {min(99, 100 * self.done // self.total):3d} %" if self.total else ""
        line = f"[{passed:6.1f} s{percent}] {clean(text)}"
        self.lines.append(line)
        self.tell(line)
        self._append({"line": line})

    def wait(self, text: str) -> None:
        """A line about something that takes time; not more often than people want to read it, and seldom when nothing has changed."""
        if time.monotonic() - self._waited >= (SAME if text == self._waiting else SOON):
            self._waited, self._waiting = time.monotonic(), text
            self.say(text)

    def step(self, count: int = 1) -> None:
        """So many more steps are done."""
        self.done += count

    def finish(self, text: str) -> None:
        """The last line; followers stop here."""
        self.say(text)
        self.close()

    def close(self) -> None:
        """Nothing more will be said."""
        self._append({"end": True})

    def timed(self, what: str, since: float) -> None:
        """Remember how long something took, for the table; seconds since ``time.monotonic()`` was `since`."""
        self.timings.append((what, time.monotonic() - since))

    def _append(self, entry: dict[str, Any]) -> None:
        if self.silent:
            return
        with suppress(OSError), path(self.stack, self.attempt).open("a") as file:
            file.write(json.dumps(entry) + "\n")


def alive(stack: str, attempt: str) -> bool | None:
    """Whether the process of an attempt is there; None before it has begun to speak."""
    try:
        first = json.loads(path(stack, attempt).read_text().partition("\n")[0])
    except (OSError, ValueError):
        return None
    return Path(f"/proc/{first['pid']}").exists()


def follow(stack: str, attempt: str, offset: int, patience: float) -> tuple[list[str], int, bool]:
    """Lines of an attempt from a byte offset on; waits up to `patience` seconds for one.

    :return: the lines, the offset to go on from, and whether it was the end.
    """
    deadline = time.monotonic() + patience
    while True:
        lines, ended = [], False
        try:
            with path(stack, attempt).open("rb") as file:
                file.seek(offset)
                data = file.read()
        except OSError:
            data = b""
        whole = data[: data.rfind(b"\n") + 1]
        for raw in whole.splitlines():
            entry = json.loads(raw)
            ended = ended or bool(entry.get("end"))
            lines += [entry["line"]] if "line" in entry else []
        if lines or ended or time.monotonic() >= deadline:
            return lines, offset + len(whole), ended
        time.sleep(0.1)
