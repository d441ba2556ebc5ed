# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a service starts without capabilities and with a root that cannot be written, tried in a container beside those that run.

Its container has the image, user, secrets, networks and environment of the live release, no port, no alias and no volume of the stack: what
is written goes to anonymous volumes, which end with it. First it is tried as it is: what is not healthy there says nothing about the rest.
Nothing is switched on by it: an operator writes what came of it into the declaration.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from ..compose.cli import Compose
from ..compose.syntax import parse_mount
from ..containers.api import EngineError, NotFound
from ..containers.client import Engine, parse
from ..contracts.job_settings import Job
from ..contracts.rollout_policy import Policy, policies_from
from ..core.process import CommandError
from ..jobs.project import project
from ..release.store import Release, Store

NAME = "rehearsal"
# What entrypoints need that begin as root, prepare folders, and change their user.
ENTRYPOINT = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID")
FOLDERS = ("/run", "/tmp")  # noqa: S108  # of the container
LOOK = 0.5  # seconds between two looks
RUNNING = 10.0  # seconds for which one without a healthcheck must run
SETTLE = 2.0  # seconds for which a healthy one must stay so


class NotTried(Exception):
    """A service that is not tried; the message says why."""


class State(Enum):
    """What came of a service."""

    TAKES = "takes"
    PARTLY = "partly"
    REFUSES = "refuses"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Attempt:
    """One container: what was asked of it, and why it is no good (empty where it is)."""

    capabilities: tuple[str, ...] | None = None
    read_only: bool = False
    tmpfs: tuple[str, ...] = ()
    problem: str = ""


@dataclass
class Rehearsal:
    """What a service could be confined to.

    :param confinement: as it is declared; empty for nothing.
    :param judged: by a healthcheck, or only by having run.
    """

    service: str
    state: State = State.UNKNOWN
    reason: str = ""
    judged: bool = True
    confinement: dict[str, Any] = field(default_factory=dict)
    attempts: list[Attempt] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """For programs."""
        return {
            "service": self.service,
            "state": self.state.value,
            "reason": self.reason,
            "healthcheck": self.judged,
            "confinement": self.confinement,
            "attempts": [dict(vars(attempt)) for attempt in self.attempts],
        }


def spec_of(release: Release, service: str, attempt: Attempt) -> dict[str, Any]:
    """The project for one attempt.

    :raises NotTried: the service would do to the host, or to its data, what only one may.
    """
    original = release.project["services"][service]
    whole = project(release, Job(NAME, service))
    spec = whole["services"][service]
    spec.pop("healthcheck")
    if original.get("healthcheck"):
        spec["healthcheck"] = original["healthcheck"]
    for key in ("privileged", "network_mode", "pid"):
        if original.get(key):
            raise NotTried(f"{key} of its Compose file gives it the host, which dropped capabilities do not take back")
    spec["volumes"] = [_apart(mount) for mount in spec.get("volumes") or ()]
    if attempt.capabilities is not None:
        spec["cap_drop"], spec["cap_add"] = ["ALL"], list(attempt.capabilities)
    if attempt.read_only:
        spec["read_only"] = True
        spec["tmpfs"] = [*_texts(spec.get("tmpfs")), *attempt.tmpfs]
    return whole


def _texts(given: Any) -> list[str]:
    return [given] if isinstance(given, str) else list(given or ())


def _apart(written: Any) -> Any:
    """A mount that touches nothing of the stack.

    :raises NotTried: it writes to a folder of the host.
    """
    mount = parse_mount(written)
    if mount.engine_socket:
        raise NotTried("it commands the container engine, and would do so twice")
    if mount.kind == "bind" and not mount.read_only:
        raise NotTried(f"it writes to {mount.source} of the host")
    return {"type": "volume", "target": mount.target} if mount.kind == "volume" else written


def services(release: Release, named: Sequence[str]) -> list[str]:
    """Those to be tried: the named ones, else all that stay up and of which two may stand beside each other.

    :raises ValueError: one that is named is none of the release.
    """
    known = release.project["services"]
    if unknown := [name for name in named if name not in known]:
        raise ValueError(f"{unknown[0]} is no service of release {release.id}: it has {', '.join(sorted(known))}")
    policies = policies_from(release.policies)
    staying = [name for name in known if release.replicas(name) and not (policies.get(name) or Policy(name)).job]
    return list(named) or [name for name in staying if (policies.get(name) or Policy(name)).strategy != "recreate"]


def left_out(release: Release, tried: Iterable[str]) -> list[str]:
    """Services that stay up and are not tried unasked: two of them may do each other's work."""
    policies = policies_from(release.policies)
    return [name for name, policy in policies.items() if name not in tried and policy.strategy == "recreate" and not policy.job]


class Stage:
    """Where services of a stack's live release are tried."""

    def __init__(self, engine: Engine, store: Store, release: Release) -> None:
        self.engine, self.release = engine, release
        self.folder = store.path(release.id)
        self.compose = Compose(release.stack, release.directory, self.folder)

    def rehearse(self, service: str) -> Rehearsal:
        """Try one service; leaves nothing behind."""
        spec, found = self.release.project["services"][service], Rehearsal(service)
        found.judged = bool(spec.get("healthcheck"))
        try:
            if problem := self._try(found, Attempt()):
                found.reason = f"it is not well as it is, beside the others: {problem}"
                return found
            dropped = None if spec.get("cap_drop") else self._first(found, [Attempt(()), Attempt(ENTRYPOINT)])
            closed = None if spec.get("read_only") else self._first(found, [Attempt(None, True), Attempt(None, True, FOLDERS)])
            together = Attempt(dropped.capabilities if dropped else None, bool(closed), closed.tmpfs if closed else ())
            if dropped and closed and (problem := self._try(found, together)):
                found.state, found.reason = State.PARTLY, f"each alone, not both together: {problem}"
                closed, together = None, Attempt(dropped.capabilities)
        except (NotTried, CommandError) as error:
            found.reason = str(error)
            return found
        found.confinement = declared(together)
        if found.reason:
            return found
        wanted = [not spec.get("cap_drop"), not spec.get("read_only")]
        if not any(wanted):
            found.state, found.reason = State.TAKES, "its Compose file says both already"
        elif not found.confinement:
            found.state, found.reason = State.REFUSES, found.attempts[-1].problem
        else:
            whole = (dropped or not wanted[0]) and (closed or not wanted[1])
            found.state = State.TAKES if whole else State.PARTLY
            found.reason = "" if whole else next(attempt.problem for attempt in reversed(found.attempts) if attempt.problem)
        return found

    def _first(self, found: Rehearsal, attempts: Sequence[Attempt]) -> Attempt | None:
        return next((attempt for attempt in attempts if not self._try(found, attempt)), None)

    def _try(self, found: Rehearsal, attempt: Attempt) -> str:
        """Why a container is no good; empty where it is.

        :raises NotTried, CommandError: it cannot be tried at all.
        """
        name = f"{self.release.stack}-{NAME}-{found.service}"
        whole = spec_of(self.release, found.service, attempt)
        self._remove(name)
        try:
            problem = self._start(whole, found.service, name) or self._watch(name, found)
        finally:
            self._remove(name)
        found.attempts.append(Attempt(attempt.capabilities, attempt.read_only, attempt.tmpfs, problem))
        return problem

    def _start(self, whole: Mapping[str, Any], service: str, name: str) -> str:
        try:
            self.compose.begin_once(whole, self.folder / f"{NAME}.json", service, (), name)
        except CommandError as error:
            return (error.stderr or str(error)).strip().splitlines()[-1]
        return ""

    def _watch(self, name: str, found: Rehearsal) -> str:
        policy = policies_from(self.release.policies).get(found.service) or Policy(found.service)
        since = time.monotonic()
        good = 0.0  # since when
        while True:
            try:
                container = parse(self.engine.api.inspect_container(name))
            except NotFound:
                return "its container is gone"
            now = time.monotonic()
            if container.state != "running":
                return self._words(name, f"it ended with exit status {container.exit_code}")
            if container.health == "unhealthy":
                return self._words(name, "its healthcheck fails")
            good = (good or now) if container.serves else 0.0
            if good and now - good >= (SETTLE if container.health == "healthy" else RUNNING):
                return ""
            if now - since > policy.healthy_timeout:
                return self._words(name, f"it is not healthy within {policy.healthy_timeout:g} s")
            time.sleep(LOOK)

    def _words(self, name: str, what: str) -> str:
        container = parse(self.engine.api.inspect_container(name))
        said = [line for line in self.engine.log_tail(container, 3) if line.strip()]
        return f"{what}: {said[-1][:200]}" if said else what

    def _remove(self, name: str) -> None:
        try:
            self.engine.api.remove_container(name, force=True, v=True)
        except EngineError:
            return  # there is none


def declared(attempt: Attempt) -> dict[str, Any]:
    """An attempt as it is declared."""
    made: dict[str, Any] = {} if attempt.capabilities is None else {"capabilities": list(attempt.capabilities)}
    if attempt.read_only:
        made["read_only"] = True
        if attempt.tmpfs:
            made["tmpfs"] = list(attempt.tmpfs)
    return made
