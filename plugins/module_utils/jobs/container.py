# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The container of one attempt of a job: started, listened to, stopped when its time is up, and removed."""

from __future__ import annotations

import re
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from ..containers.api import EngineError, NotFound
from ..containers.client import GRACE, PROJECT, Engine
from ..core.masking import foreign, line
from .project import LABEL

LOOK = 1.0  # seconds between two looks at a container that runs
PATIENCE = 120.0  # seconds in which an engine that was restarted must answer again
LAST_WORDS = 5.0  # seconds for the rest of the log of a container that has ended
LONGEST = 2000  # characters of a line
_STAMP = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d) ?")


class Stopped(Exception):
    """Somebody wants the job to end: the unit is stopped, or the host goes down."""


class Gone(Exception):
    """The container is not there any more, or nobody can say what became of it; the message says which."""


@dataclass(frozen=True)
class End:
    """How a container ended.

    :param late: its time was up, and it was stopped.
    """

    exit_code: int
    out_of_memory: bool = False
    late: bool = False


@dataclass
class Container:
    """A container that was started for a job.

    :param identity: its id.
    :param say: called with each line that it writes, without secrets.
    """

    engine: Engine
    identity: str
    grace: int
    say: Callable[[str], None]
    _log_over: threading.Event = field(default_factory=threading.Event)

    def listen(self) -> threading.Thread:
        """Hand its lines on, in a thread of its own, until it ends."""
        thread = threading.Thread(target=self._listen, daemon=True)
        thread.start()
        return thread

    def wait(self, timeout: float) -> End:
        """Wait for its end; stop it when the time is up: its stop signal, and after its grace period SIGKILL.

        :raises Gone: somebody removed it, or the engine does not come back.
        :raises Stopped: from a signal handler.
        """
        thread = self.listen()
        deadline, late = time.monotonic() + timeout, False
        while (state := self._state()).get("Running"):
            left = deadline - time.monotonic()
            if left <= 0:
                late = True
                self.stop()
                continue
            if not self._log_over.wait(min(LOOK, left)):
                continue
            time.sleep(min(LOOK / 5, left))  # its log is over before its end is known, or cannot be read at all
        thread.join(LAST_WORDS)
        return End(int(state.get("ExitCode") or 0), bool(state.get("OOMKilled")), late)

    def stop(self) -> None:
        """Ask it to stop, and kill it after its grace period."""
        with suppress(NotFound):
            self.engine.api.stop(self.identity, timeout=self.grace)

    def remove(self) -> None:
        """Remove it with its anonymous volumes."""
        with suppress(EngineError):  # gone, or somebody is removing it
            self.engine.api.remove_container(self.identity, force=True, v=True)

    def _state(self) -> Mapping[str, Any]:
        """What the engine says of it; waited for while the engine is restarted."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                state: Mapping[str, Any] = self.engine.api.inspect_container(self.identity)["State"]
                return state
            except NotFound:
                raise Gone("somebody removed its container while it ran") from None
            except OSError as error:
                if time.monotonic() > deadline:
                    raise Gone(f"the Docker engine does not answer: {error}; its container may still run") from error
                time.sleep(LOOK)

    def _listen(self) -> None:
        rest: dict[int, bytes] = {}
        try:
            for stream, part in self.engine.api.log_stream(self.identity, follow=True):
                # Each message has its time before it, also each part of a long line.
                content = rest.pop(stream, b"") + _STAMP.sub(b"", part, count=1)
                whole, newline, more = content.rpartition(b"\n")
                for raw in whole.split(b"\n") if newline else ():
                    self.say(line(foreign(raw), LONGEST))
                if more:
                    rest[stream] = more[: LONGEST * 8]  # its beginning, which is shown: a secret that the cut lies in is not
        except OSError as error:
            self.say(f"(its log cannot be read: {error})")
        finally:
            for raw in rest.values():
                self.say(line(foreign(raw), LONGEST))
            self._log_over.set()


@dataclass
class Output:
    """The last lines of a job, which are also handed on."""

    tell: Callable[[str], None]
    lines: deque[str]

    def say(self, text: str) -> None:
        """One line."""
        self.lines.append(text)
        self.tell(text)


def of_name(engine: Engine, name: str, say: Callable[[str], None]) -> Container | None:
    """The container of this name; None when there is none."""
    try:
        raw = engine.api.inspect_container(name)
    except NotFound:
        return None
    return Container(engine, str(raw["Id"]), int(raw["Config"].get("StopTimeout") or GRACE), say)


def left_behind(engine: Engine, stack: str, job: str) -> Sequence[str]:
    """Ids of containers that a killed run of a job has left, whether they run or not."""
    filters = {"label": [f"{PROJECT}={stack}", f"{LABEL}={job}"]}
    return [str(brief["Id"]) for brief in engine.api.containers(all=True, filters=filters)]
