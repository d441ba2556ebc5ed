# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Work in a process of its own, which outlives the module, the connection and the controller that began it.

Ansible's `async` would take five round trips, and Mitogen's version of it waits for ever at the first import of a collection's code: it
cuts the channel that such imports come through before the module runs. Here the module itself begins the work, with all its code loaded.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from . import progress
from .failure import failure

Work = Callable[[], dict[str, Any]]
PATIENCE = 2.0  # seconds that whoever begins it waits for its first line, or its end


@dataclass(frozen=True)
class Look:
    """What can be seen of the work: its new lines, whether its process is there, and its result once there is one.

    :param offset: where the next look at the lines goes on.
    :param silent_for: seconds since it last wrote a line; None before the first one.
    """

    lines: list[str]
    offset: int
    alive: bool
    silent_for: float | None
    result: dict[str, Any] | None

    @property
    def over(self) -> bool:
        """Nothing will come any more."""
        return self.result is not None or not self.alive


def result_file(stack: str, attempt: str) -> Path:
    """Where the work leaves its result."""
    return progress.path(stack, attempt).with_suffix(".result")


def start(work: Work, stack: str, attempt: str) -> int:
    """Begin the work; the id of its process.

    :param work: returns the result; an exception becomes a result with `failed` and `msg`. It must not import code of the collection that
        is not loaded yet: where that came from is gone by then.
    """
    for left_behind in (result_file(stack, attempt), progress.path(stack, attempt)):
        left_behind.unlink(missing_ok=True)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        # A session of its own, and no child of the module: neither the end of the connection nor that of the module reaches it.
        os.setsid()
        grandchild = os.fork()
        if grandchild:
            os.write(writer, str(grandchild).encode())
            os._exit(0)
        _carry_out(work, result_file(stack, attempt))
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader) as pipe:
        return int(pipe.read())


def begin(work: Work, stack: str, attempt: str) -> dict[str, Any]:
    """The result of a module that begins the work: its process, and what there is to see of it after a moment, which may be all."""
    process = start(work, stack, attempt)
    return {"changed": False, "process": process, "look": asdict(look(stack, attempt, process, 0, PATIENCE))}


def leave(module: Any, carry_out: Callable[[Mapping[str, Any]], dict[str, Any]]) -> None:
    """Carry a module's work out, here or in a process of its own, and leave the module by the result.

    :param module: an C(AnsibleModule) with the arguments C(stack), C(attempt) and C(detach).
    :param carry_out: gives the module's result for its arguments.
    """
    given: Mapping[str, Any] = module.params

    def work() -> dict[str, Any]:
        return carry_out(given)

    result = begin(work, given["stack"], given["attempt"]) if given["detach"] else work()
    if result.get("failed"):
        module.fail_json(**result)
    module.exit_json(**result)


def look(stack: str, attempt: str, process: int, offset: int, patience: float) -> Look:
    """Wait up to `patience` seconds for a line or the end."""
    deadline = time.monotonic() + patience
    while True:
        alive = Path(f"/proc/{process}").exists()  # before the result: it is written before the process ends
        lines, offset, _ended = progress.follow(stack, attempt, offset, 0)
        seen = Look(lines, offset, alive, _silence(stack, attempt), _read(result_file(stack, attempt)))
        if lines or seen.over or time.monotonic() >= deadline:
            return seen
        time.sleep(0.05)


def _carry_out(work: Work, target: Path) -> None:
    """The process of the work, to its end."""
    try:
        _let_go()
        try:
            result = work()
        except BaseException as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            result = failure(f"{type(error).__name__}: {error} ({Path(last.filename).name}, line {last.lineno})")
        _write(target, result)
    finally:
        os._exit(0)


def _let_go() -> None:
    """Keep nothing of the module: its files, its logging, and Mitogen's way to the controller, where imports would wait for ever."""
    os.closerange(0, os.sysconf("SC_OPEN_MAX"))
    for _descriptor in range(3):
        os.open(os.devnull, os.O_RDWR)
    sys.stdin, sys.stdout, sys.stderr = os.fdopen(0), os.fdopen(1, "w"), os.fdopen(2, "w")
    logging.getLogger().handlers.clear()
    sys.meta_path[:] = [finder for finder in sys.meta_path if not type(finder).__module__.startswith(("mitogen", "ansible_mitogen"))]


def _write(target: Path, result: dict[str, Any]) -> None:
    target.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    for old in target.parent.glob("*.result"):
        with suppress(OSError):
            if time.time() - old.stat().st_mtime > progress.KEPT:
                old.unlink()
    fresh = target.with_suffix(".tmp")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(result, file)
    fresh.replace(target)


def _read(target: Path) -> dict[str, Any] | None:
    try:
        result: dict[str, Any] = json.loads(target.read_text())
    except (OSError, ValueError):
        return None
    return result


def _silence(stack: str, attempt: str) -> float | None:
    try:
        return max(0.0, time.time() - progress.path(stack, attempt).stat().st_mtime)
    except OSError:
        return None
