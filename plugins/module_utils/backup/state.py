# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known about the backups of a stack: one small file that `opsctl status`, the watchdog and metrics read."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..core import paths
from ..core.locks import file_lock
from ..core.versioned_json import read_state, write_state
from .settings import ROOT, Settings

# Of a target: what each plan has of its own.
OF_PLAN = ("pushed", "snapshot", "verified", "verified_at", "restorable")
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
    if not ROOT.exists():
        paths.shared_folder(ROOT, paths.LISTED)
    with file_lock(ROOT / f".{stack}.lock"):
        state = read(stack)
        change(state)
        state |= {"stack": stack, "at": time.time()}
        write_state(path(stack), state, MODE, indent=1, sort_keys=True)
    return state


def note(stack: str, *keys: str, **values: Any) -> None:
    """Set values under a path of keys, such as ``note("shop", "targets", "offsite", pushed=…)``."""

    update(stack, lambda state: _set(state, keys, values))


def record(settings: Settings, *keys: str, **values: Any) -> None:
    """The same of the stack; of a plan both in its own place, and as the last that happened to the stack."""

    def change(state: dict[str, Any]) -> None:
        _set(state, keys, values)
        if settings.plan:
            _set(state, ("plans", settings.plan, *keys), values)

    update(settings.stack, change)


def of(settings: Settings) -> dict[str, Any]:
    """What was noted of a plan, or of the stack."""
    state = read(settings.stack)
    found: dict[str, Any] = state.get("plans", {}).get(settings.plan, {}) if settings.plan else state
    return found


def of_target(settings: Settings, name: str) -> dict[str, Any]:
    """What was noted of a target; with a plan its snapshots are those of the plan."""
    common: dict[str, Any] = read(settings.stack).get("targets", {}).get(name, {})
    if not settings.plan:
        return common
    own = of(settings).get("targets", {}).get(name, {})
    return {**{key: value for key, value in common.items() if key not in OF_PLAN}, **{key: own[key] for key in OF_PLAN if key in own}}


def keep_plans(settings: Settings) -> None:
    """Nobody is to be told of a plan that is not declared any more."""
    names = [plan.name for plan in settings.plans]

    def change(state: dict[str, Any]) -> None:
        kept = {name: about for name, about in state.pop("plans").items() if name in names}
        if kept:
            state["plans"] = kept
        else:
            state.pop("parts", None)

    if set(read(settings.stack).get("plans", {})) - set(names):
        update(settings.stack, change)


def _set(state: dict[str, Any], keys: tuple[str, ...], values: dict[str, Any]) -> None:
    place = state
    for key in keys:
        place = place.setdefault(key, {})
    place.update(values)
