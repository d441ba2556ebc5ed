# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Privileged helper: what the watchdog may not do itself, it requests, and a unit of systemd that runs as root carries it out.

Only what the configuration allows is done: the requests are written by a user with few rights, so they are not believed.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum

from ..containers.client import DockerUnavailable, Engine
from ..core.locks import LockHeld
from ..release.pinning import redeclared
from ..release.store import Store
from ..rollout.deployment import EXPECTED, Deployment
from ..rollout.follower import retire_due
from ..rollout.request import Order
from .privileged_requests import ANSWERS, REMEDIES, REQUESTS, RETIRE
from .settings import Settings

OLDEST = 600  # seconds after which nobody wants it any more


class Result(Enum):
    """What became of a request."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True)
class Served:
    """A request that is over.

    :param sentence: what was done, or why it was not.
    """

    result: Result
    sentence: str

    def describe(self) -> str:
        """As the journal and the incident have it."""
        return self.sentence if self.result is Result.DONE else f"{self.result.value}: {self.sentence}"


def serve(settings: Settings, say: Callable[[str], None]) -> int:
    """Carry out what was asked for (as root); returns how many requests were refused or failed."""
    bad = 0
    for file in sorted(REQUESTS.glob("*.json")):
        try:
            raw = json.loads(file.read_text())
            stack, service, remedy, at = str(raw["stack"]), str(raw["service"]), str(raw["remedy"]), float(raw["at"])
        except (KeyError, TypeError, ValueError, OSError) as error:
            say(f"steward: {file.name} is not a request: {type(error).__name__}")
            with suppress(OSError):
                file.unlink()
            bad += 1
            continue
        file.unlink(missing_ok=True)
        refusal = _refusal(settings, stack, service, remedy, at)
        served = Served(Result.REFUSED, refusal) if refusal else _carry_out(stack, service, remedy, say)
        bad += served.result is not Result.DONE
        say(f"steward: {remedy} of {stack}/{service}: {served.describe()}")
        if served.result is not Result.REFUSED:
            try:
                _answer(file.name, {"stack": stack, "service": service, "said": served.describe(), "result": served.result.value})
            except OSError as error:
                say(f"steward: {file.name} cannot be answered: {error}")
    return bad


def _answer(name: str, answer: dict[str, str]) -> None:
    """As root, in a folder that somebody else owns: never through a link that he left there, be it the folder itself.

    :raises OSError: he left something else in the way.
    """
    folder = os.open(ANSWERS, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        half = f".{name}.half"  # the watchdog reads what ends in .json, and only all of it
        with suppress(FileNotFoundError):
            os.unlink(half, dir_fd=folder)
        with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644, dir_fd=folder), "w") as file:
            json.dump(answer, file)
        os.rename(half, name, src_dir_fd=folder, dst_dir_fd=folder)
    finally:
        os.close(folder)


def _refusal(settings: Settings, stack: str, service: str, remedy: str, at: float) -> str:
    declared = settings.stack(stack)
    spec = (
        next((declared_service for declared_service in declared.services if declared_service.service == service), None)
        if declared
        else None
    )
    if remedy == RETIRE:
        return ""  # what is due is root's own to know: it is looked up, and nothing else is removed
    if spec is None:
        return f"{stack}/{service} is not declared on this host"
    if remedy != "replace" and remedy not in spec.escalate:
        return f"{remedy} is not among the declared escalations of {service}"
    return "" if abs(time.time() - at) <= OLDEST else "it is too old"  # so also what is no number


def _carry_out(stack: str, service: str, remedy: str, say: Callable[[str], None]) -> Served:
    if remedy == RETIRE:
        return _retire()
    recreate = (service,) if remedy == "recreate" else ()
    kind = "rollback" if remedy == "rollback" else "deploy"
    deployment = Deployment(stack, Order(kind=kind, force=True, recreate=recreate, tell=say))
    try:
        if remedy == "rollback":
            return Served(Result.DONE, f"rolled back to {deployment.rollback().release}")
        live = Store(stack).live()
        if live is None:
            return Served(Result.FAILED, "there is no live release")
        deployment.deploy(redeclared(live, "missing"))
        return Served(Result.DONE, f"brought {REMEDIES[remedy]}")
    except (LockHeld, *EXPECTED) as error:
        return Served(Result.FAILED, str(error).splitlines()[0])


def _retire() -> Served:
    try:
        retire_due(Engine())
    except (DockerUnavailable, OSError) as error:
        return Served(Result.FAILED, str(error))
    return Served(Result.DONE, "removed what was due")
