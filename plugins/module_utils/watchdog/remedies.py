# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remedies, carried out beside the loop under the lock of the stack; what needs root is requested of the privileged helper."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from ..containers.client import Container, DockerUnavailable
from ..core.locks import LockHeld, stack_lock
from . import privileged_requests
from .engine import reach
from .healing import Action
from .suppression import HOLDER

PATIENCE = 60  # seconds for the engine to carry out one remedy: a container may have a long grace period


@dataclass(frozen=True)
class RemedyResult:
    """How a remedy went. `held` says who kept it from being begun."""

    action: Action
    outcome: str
    held: bool = False


class Sessions:
    """The lock of a stack, shared by the remedies that run at one time."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._open: dict[str, tuple[int, ExitStack]] = {}

    @contextmanager
    def of(self, stack: str) -> Iterator[None]:
        """Hold it; the last one lets it go.

        :raises LockHeld: somebody else works on the stack.
        """
        with self._mutex:
            count, held = self._open.get(stack, (0, ExitStack()))
            if count == 0:
                held.enter_context(stack_lock(stack, HOLDER, what="healing"))
            self._open[stack] = (count + 1, held)
        try:
            yield
        finally:
            with self._mutex:
                count, held = self._open.pop(stack)
                if count > 1:
                    self._open[stack] = (count - 1, held)
                else:
                    held.close()


class Remedies:
    """The hands of the watchdog.

    :param lost: networks that a container was cut off from.
    :param sessions: outlive the settings: a lock that a remedy of before still holds is our own.
    """

    def __init__(self, lost: Callable[[Container], Collection[str]], sessions: Sessions) -> None:
        self.lost = lost
        self.sessions = sessions

    def carry_out(self, action: Action) -> RemedyResult:
        """One remedy, to its end; says what was done, or why it was not."""
        try:
            if action.container is None:
                privileged_requests.ask(action.stack, action.service, action.remedy)
                return RemedyResult(action, f"asked for {privileged_requests.REMEDIES[action.remedy]}")
            with self.sessions.of(action.stack):
                return RemedyResult(action, self._act(action.container, action.remedy))
        except LockHeld as error:
            return RemedyResult(action, str(error), held=True)
        except (DockerUnavailable, OSError) as error:
            subject = action.container.name if action.container else action.service
            return RemedyResult(action, f"could not {action.remedy} {subject}: {error}")

    def _act(self, container: Container, remedy: str) -> str:
        engine = reach(PATIENCE + container.grace)
        if remedy == "restart":
            engine.restart(container)
            return f"restarted {container.name}"
        if remedy == "start":
            engine.start(container)
            return f"started {container.name}"
        if remedy == "unpause":
            engine.unpause(container)
            return f"let {container.name} go on, which was paused"
        networks = sorted(self.lost(container))
        for network in networks:
            engine.connect(container, network)
        return f"put {container.name} back into its network {', '.join(networks)}"
