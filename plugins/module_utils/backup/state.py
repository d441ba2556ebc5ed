# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known about the backups of a stack: one small file that `opsctl status`, the watchdog and metrics read."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..core.locks import file_lock
from ..core.versioned_json import read_state, write_state
from .settings import ROOT

MODE = 0o644  # ages, sizes and errors; never a secret


def path(stack: str) -> Path:
    """The file of a stack."""
    return ROOT / f"{stack}.json"


def read(stack: str) -> dict[str, Any]:
    """What was noted; empty before the first run."""
    state: dict[str, Any] = read_state(path(stack), {}, put_aside=True)
    return state


def update(stack: str, change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Change the state under a lock of its own: a run, a push of WAL and a verification note things at the same time."""
    ROOT.mkdir(mode=0o755, parents=True, exist_ok=True)
    with file_lock(ROOT / f".{stack}.lock"):
        state = read(stack)
        change(state)
        state |= {"stack": stack, "at": time.time()}
        write_state(path(stack), state, MODE, indent=1, sort_keys=True)
    return state


def note(stack: str, *keys: str, **values: Any) -> None:
    """Set values under a path of keys, such as ``note("shop", "targets", "offsite", pushed=…)``."""

    def change(state: dict[str, Any]) -> None:
        place = state
        for key in keys:
            place = place.setdefault(key, {})
        place.update(values)

    update(stack, change)
