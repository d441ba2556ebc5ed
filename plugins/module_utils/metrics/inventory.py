# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inventory of the containers of a host, whoever started them: kept true by Docker's events, and looked at only for a scrape."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any

from ..containers.api import NotFound
from ..containers.client import NUMBER, PROJECT, SERVICE, Engine
from ..core.journal import log
from ..core.times import epoch
from .tally import Tally

REFRESH = 60.0  # seconds after which the list is asked for without any event: for names that were changed, and events that were lost
MOST = 500  # containers
ALIVE = ("running", "paused", "restarting")


@dataclass(frozen=True)
class Described:
    """What the engine says of a container, as far as metrics need it: never its environment or its command."""

    id: str
    name: str
    image: str
    labels: Mapping[str, str]
    running: bool
    pid: int
    started: float
    network: str
    parent: str


def describe(raw: Mapping[str, Any]) -> Described:
    """From the engine's inspect document."""
    state, host = raw["State"], raw.get("HostConfig") or {}
    given = raw["Config"].get("Labels") or {}
    pid = int(state.get("Pid") or 0)
    began = [stamp for stamp in (state.get("StartedAt"), raw.get("Created")) if stamp and not stamp.startswith("0001-")]
    return Described(
        id=raw["Id"],
        name=raw["Name"].lstrip("/"),
        image=raw["Config"].get("Image") or "",
        labels={key: str(given[key]) for key in (PROJECT, SERVICE, NUMBER) if given.get(key)},
        running=bool(state.get("Running")) and pid > 0,
        pid=pid,
        started=epoch(began[0]) if began else 0.0,
        network=host.get("NetworkMode") or "",
        parent=host.get("CgroupParent") or "",
    )


class Inventory:
    """All containers of the host that run, or have run since the watchdog knows of them.

    Events come from one thread, scrapes from others, one at a time; the lock is held for neither a file nor the engine.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._engine: Engine | None = None
        self._listed = False  # since the engine was last found
        self._due = 0.0
        self._touched: set[str] = set()
        self._tallies: dict[str, Tally] = {}
        self._known: dict[str, Described] = {}
        self._cut = False

    def connect(self, engine: Engine | None) -> None:
        """The engine was found, and tells all from here on; or it was lost."""
        with self._lock:
            self._engine, self._listed = engine, False

    def hear(self, event: Mapping[str, Any]) -> None:
        """An event of the engine."""
        actor = event.get("Actor") or {}
        identity, action = str(actor.get("ID") or ""), str(event.get("Action", ""))
        if event.get("Type") != "container" or not identity or action not in ("start", "die", "oom", "destroy", "rename"):
            return
        with self._lock:
            if action == "destroy" and identity not in self._known:
                # Perhaps nobody ever asks for metrics: nothing is kept of what is gone.
                self._touched.discard(identity)
                self._tallies.pop(identity, None)
                return
            self._touched.add(identity)
            if action == "start":
                self._tallies.setdefault(identity, Tally()).hear_start(int(event.get("timeNano") or 0) / 1e9)
            elif action == "oom":
                self._tallies.setdefault(identity, Tally()).hear_oom()

    def suspect(self, identity: str) -> None:
        """What is known of a container is not true any more."""
        with self._lock:
            self._touched.add(identity)

    def refresh(self) -> bool:
        """Look at what events have named; whether what is known now is all that there is."""
        with self._lock:
            engine, listed = self._engine, self._listed
            touched, self._touched = self._touched, set()
        if engine is None:
            self._restore(touched)
            return False
        try:
            if not listed or self._clock() > self._due:
                touched |= self._list(engine, every=not listed)
            for identity in sorted(touched):
                self._look(engine, identity)
                touched.discard(identity)
        except OSError as error:
            log(f"watchdog: metrics of containers: {error}")
            self._restore(touched)
            return False
        return not self._cut

    def _restore(self, identities: set[str]) -> None:
        """These are still to be looked at."""
        with self._lock:
            self._touched |= identities

    def containers(self) -> list[Described]:
        """Those that are known, by name."""
        return sorted(self._known.values(), key=lambda container: (container.name, container.id))

    def look_again(self, identity: str) -> Described | None:
        """Look at one now; None where it is gone or does not run, or the engine does not answer."""
        if (engine := self._engine) is None:
            return None
        try:
            self._look(engine, identity)
        except OSError:
            self.suspect(identity)
            return None
        container = self._known.get(identity)
        return container if container and container.running else None

    def restarts(self, identity: str) -> int:
        """Starts after the first."""
        with self._lock:
            return self._tallies[identity].restarts if identity in self._tallies else 0

    def ooms(self, identity: str, kills: int = 0) -> int:
        """Kills for memory.

        :param kills: those that the control group of this life shows.
        """
        with self._lock:
            return self._tallies.setdefault(identity, Tally()).read_ooms(kills)

    def _list(self, engine: Engine, *, every: bool) -> set[str]:
        """Forget what is gone; the ids of those that must be looked at.

        :param every: each that runs, as events may have been missed.
        """
        briefs = {str(brief["Id"]): brief for brief in engine.api.containers(all=True)}
        alive = [identity for identity, brief in briefs.items() if brief.get("State") in ALIVE]
        if self._cut != (len(alive) > MOST):
            self._cut = not self._cut
            log(f"watchdog: metrics of {'the first ' + str(MOST) if self._cut else 'all'} of {len(alive)} containers")
        for identity in [identity for identity in self._known if identity not in briefs]:
            self._forget(identity)
        wanted = set(alive[:MOST])
        for identity in [identity for identity in self._known if identity in alive and identity not in wanted]:
            self._forget(identity)
        with self._lock:
            self._listed, self._due = self._engine is engine, self._clock() + REFRESH
        return {
            identity
            for identity, brief in briefs.items()
            for known in [self._known.get(identity)]
            if (identity in wanted and (every or known is None or not known.running or f"/{known.name}" not in (brief.get("Names") or [])))
            or (known is not None and known.running and identity not in wanted)
        }

    def _look(self, engine: Engine, identity: str) -> None:
        """:raises OSError: the engine does not answer."""
        try:
            raw = engine.api.inspect_container(identity)
        except NotFound:
            self._forget(identity)
            return
        try:
            container = describe(raw)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            log(f"watchdog: metrics of container {identity[:12]}: its description cannot be read: {error!r}")
            self._forget(identity)
            return
        if identity not in self._known and len(self._known) >= 2 * MOST:
            return
        self._known[identity] = container
        with self._lock:
            self._tallies.setdefault(identity, Tally()).look(container.started, int(raw.get("RestartCount") or 0))

    def _forget(self, identity: str) -> None:
        self._known.pop(identity, None)
        with self._lock:
            self._tallies.pop(identity, None)
