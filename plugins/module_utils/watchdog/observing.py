# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Observer of the containers: keeps the picture true by what the engine shows and tells, and notes who died."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

from ..containers.client import ONEOFF, PROJECT, SERVICE, DockerUnavailable, Engine
from ..core.journal import log
from .findings import Death
from .healing import Healer
from .incidents import Incident
from .looks import Looks
from .picture import Picture, action, subject

REFRESH = 60.0  # seconds after which everything is looked at without any event
SOON = 3.0  # seconds after which everything is looked at because a look was in vain
OOM = 5.0  # seconds within which a container ends after the kernel has killed in it for memory
ASKED = (0, 143)  # how a container ends that was asked to; what then stays down is seen by its state
LINES = 12  # of a log that say why


class Observer:
    """The eyes on the containers of one set of settings.

    :param busy: says who else works on a stack at this moment, or nothing.
    :param before: the observer of the settings before; this one goes on with its engine.
    """

    def __init__(
        self, picture: Picture, looks: Looks, healer: Healer, busy: Callable[[str], object], before: Observer | None = None
    ) -> None:
        self.picture = picture
        self.looks = looks
        self.healer = healer
        self.busy = busy
        self.engine: Engine | None = before.engine if before else None
        self._due: float = before._due if before else 0.0
        self._declared = {f"{stack.name}/{service.service}" for stack in looks.settings.stacks for service in stack.services}

    def connect(self, engine: Engine) -> bool:
        """It answers, and tells all from here on: look at everything; whether that was possible."""
        self.engine = engine
        return self.look()

    def lose(self, reason: str) -> None:
        """It tells nothing any more."""
        if self.engine:
            log(f"watchdog: the engine is gone: {reason}")
        self.engine, self.looks.blind = None, reason
        self.looks.hurry("host/docker", time.monotonic())

    def due(self, now: float) -> bool:
        """Everything is to be looked at, whatever events there were."""
        return self.engine is not None and now > self._due

    def look(self) -> bool:
        """Look at everything; whether that was possible."""
        if self.engine is None:
            return False
        try:
            self.picture.look(self.engine)
        except (DockerUnavailable, OSError) as error:
            self._due, self.looks.blind = time.monotonic() + SOON, str(error)
            return False
        self._due, self.looks.blind = time.monotonic() + REFRESH, ""
        self.looks.forget_gone()
        self.looks.count_replicas()
        return True

    def look_at(self, identities: Collection[str]) -> bool:
        """Look at some containers again; whether the picture may have changed. In vain, all of them are looked at soon."""
        if self.engine is None:
            return False
        try:
            self.picture.look_at(self.engine, identities)
        except (DockerUnavailable, OSError) as error:
            log(f"watchdog: {error}")
            self._due = min(self._due, time.monotonic() + SOON)
            return False
        return True

    def look_again(self, key: str) -> None:
        """Look at the containers of a service again; of anything else there is nothing to see here."""
        stack, _slash, service = key.partition("/")
        if stack in self.picture.projects:
            self.look_at([container.id for container in self.picture.containers(stack) if container.service == service])

    def hear(self, event: Mapping[str, Any]) -> None:
        """Note the life that an event begins or ends; a death that nobody asked for counts as a try of healing.

        Only of what is declared: other projects on the host, and containers of `compose run`, are none of the watchdog's business.
        """
        labels = (event.get("Actor") or {}).get("Attributes") or {}
        stack, service = str(labels.get(PROJECT)), str(labels.get(SERVICE))
        key = f"{stack}/{service}"
        if event.get("Type") != "container" or key not in self._declared or labels.get(ONEOFF) == "True":
            return
        identity, did, now = subject(event), action(event), time.monotonic()
        if did in ("die", "start"):
            self.looks.begin_life(identity)
        if did == "start":
            self.healer.note_start(key, identity)
        if did not in ("die", "oom") or self.busy(stack) or identity in self.healer.record(key).in_flight:
            return
        if did == "oom":
            self.looks.died(identity, Death(now, 137, oom=True))
            return
        code, before = int(labels.get("exitCode") or 0), self.looks.deaths.get(identity)
        oom = bool(before and before.oom and now - before.at < OOM)
        if oom or code not in ASKED:
            self.looks.died(identity, Death(now, code, oom))
            self.healer.note_death(key, identity, now)

    def log_of(self, incident: Incident) -> list[str]:
        """The last lines of the container that serves least of what fails, without secrets; none where there is no container."""
        containers = (
            [container for container in self.picture.containers(incident.stack) if container.service == incident.subject]
            if incident.stack
            else []
        )
        if not self.engine or not containers:
            return []
        worst = sorted(containers, key=lambda container: container.serves)[0]
        try:
            return self.engine.log_tail(worst, LINES)
        except (DockerUnavailable, OSError) as error:
            return [f"no log: {error or type(error).__name__}"]
