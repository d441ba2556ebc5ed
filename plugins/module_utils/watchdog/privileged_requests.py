# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests to the privileged helper, and its answers: files in folders of the watchdog."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

RUN = Path("/run/latentum-ops-watchdog")
REQUESTS, ANSWERS = RUN / "requests", RUN / "answers"
STATUS = RUN / "status.json"
REMEDIES = {
    "replace": "the missing containers",
    "recreate": "a new container in place of each",
    "rollback": "a rollback to the last good release",
}
RETIRE = "retire"  # of a stack: old sets of blue-green updates, whose time is up


def create_folders() -> None:
    """Make the folders.

    :raises OSError: /run takes no more.
    """
    REQUESTS.mkdir(parents=True, exist_ok=True)
    ANSWERS.mkdir(parents=True, exist_ok=True)


def ask(stack: str, service: str, remedy: str) -> None:
    """Leave a request; asking twice is asking once."""
    waiting = REQUESTS / f".{stack}.{service}.{remedy}"
    waiting.write_text(json.dumps({"stack": stack, "service": service, "remedy": remedy, "at": time.time()}))
    waiting.rename(REQUESTS / f"{stack}.{service}.{remedy}.json")


def answers() -> Iterator[tuple[str, str]]:
    """Key of the service and what was done; each is given once.

    :raises OSError: one cannot be removed; it is not given, for it would be given again and again.
    """
    for file in sorted(ANSWERS.glob("*.json")):
        raw = json.loads(file.read_text())
        file.unlink()
        yield f"{raw['stack']}/{raw['service']}", str(raw["said"])
