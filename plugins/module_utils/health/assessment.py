# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is a Compose project what it should be? Waited for on Docker's events, judged by one rule for all fronts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..containers.client import Container
from ..contracts.health import Expectation
from .probes import ProbeError, run_probe

STEADY = 10  # seconds that a restarted container without a healthcheck must have run to count as running
AILING = 30  # seconds for a container that was unhealthy before, for example because what it needs was replaced
CRASH_LOOP = 3  # restarts while being watched, after which waiting on is pointless


class Watched(Protocol):
    """What is needed of an engine, or of a part of one, to judge it."""

    def containers(self, project: str) -> list[Container]:
        """The containers to judge."""

    def events(self, since: float, until: float | None = None, project: str | None = None) -> Iterator[dict[str, Any]]:
        """What wakes the wait."""


@dataclass
class Verdict:
    """The judgement on one service: `ok`, `waiting` (may still come), or `failed`.

    ``final``: nothing but a change of its configuration or image will make it good.
    """

    service: str
    state: str
    reason: str = ""
    final: bool = False
    containers: list[Container] = field(default_factory=list)


def judge(wanted: Expectation, containers: Sequence[Container], restarts_before: Mapping[str, int], crashes: int = CRASH_LOOP) -> Verdict:
    """Judge one service by its containers alone (no probe).

    :param restarts_before: restart count of each container when watching began, so that old restarts are not held against it.
    :param crashes: restarts from which on waiting is pointless.
    """
    mine = [container for container in containers if container.service == wanted.service]
    verdict = Verdict(wanted.service, "ok", containers=mine)
    if wanted.expect == "completed":
        return _judge_completed(verdict)
    for container in mine:
        looping = container.restarts - restarts_before.get(container.id, 0)
        if looping >= crashes:
            how = "crashes again and again" if crashes > 1 else "crashed"
            verdict.state, verdict.reason = "failed", f"{container.name} {how} ({looping} restarts, last exit code {container.exit_code})"
            verdict.final = True
            return verdict
        if container.state in {"exited", "dead"}:
            cause = "was killed for memory" if container.oom_killed else f"exited with code {container.exit_code}"
            verdict.state, verdict.reason = "failed", f"{container.name} {cause} and is not restarted"
            return verdict
        if container.health == "unhealthy":
            verdict.state, verdict.reason = "failed", f"{container.name} is unhealthy"
            return verdict
    if young := [container.name for container in mine if container.health == "none" and container.restarts and container.uptime() < STEADY]:
        verdict.state, verdict.reason = "waiting", f"{young[0]} was restarted moments ago"
        return verdict
    good = [
        container
        for container in mine
        if container.state == "running" and (container.health == "healthy" or (wanted.expect == "running" and container.health == "none"))
    ]
    if wanted.expect == "healthy" and (
        bare := [container.name for container in mine if container.state == "running" and container.health == "none"]
    ):
        verdict.state, verdict.reason = "failed", f"{bare[0]} has no healthcheck, so it can never be healthy: add one or expect: running"
        verdict.final = True
    elif len(good) < wanted.replicas:
        states = ", ".join(f"{container.name} {container.state}/{container.health}" for container in mine) or "no container"
        verdict.state, verdict.reason = "waiting", f"{len(good)} of {wanted.replicas} ready ({states})"
    return verdict


def _judge_completed(verdict: Verdict) -> Verdict:
    failed = [container for container in verdict.containers if container.state in {"exited", "dead"} and container.exit_code != 0]
    running = [container for container in verdict.containers if container.state not in {"exited", "dead"}]
    if failed:
        verdict.state, verdict.reason = "failed", f"{failed[0].name} exited with code {failed[0].exit_code}"
        verdict.final = True
    elif running or not verdict.containers:
        verdict.state, verdict.reason = "waiting", "has not run to its end yet"
    return verdict


def look(
    engine: Watched,
    project: str,
    wanted: Sequence[Expectation],
    restarts_before: Mapping[str, int] | None = None,
    crashes: int = CRASH_LOOP,
) -> list[Verdict]:
    """Judge every service once, with its probe where the containers alone are fine."""
    containers = engine.containers(project)
    if restarts_before is None:
        restarts_before = {container.id: container.restarts for container in containers}
    verdicts = [judge(expectation, containers, restarts_before, crashes) for expectation in wanted]
    for expectation, verdict in zip(wanted, verdicts, strict=True):
        if verdict.state != "ok" or expectation.probe is None:
            continue
        for container in verdict.containers:
            try:
                run_probe(expectation.probe, container.address())
            except ProbeError as error:
                verdict.state, verdict.reason = "waiting", f"{container.name}: {error}"
    return verdicts


def wait(
    engine: Watched,
    project: str,
    wanted: Sequence[Expectation],
    timeout: float,
    settle: float = 0,
    progress: Callable[[list[Verdict]], None] | None = None,
    crashes: int = CRASH_LOOP,
    patience: float = 0,
) -> list[Verdict]:
    """Wait until every service is as expected, one has failed for good, or the time is up.

    Docker's events wake the wait; a service with a probe, or one that must stay up for `settle` seconds, is looked at
    again each second. The caller finds `waiting` verdicts when the time was up.

    :param timeout: seconds.
    :param settle: seconds that everything must stay as expected before it counts.
    :param patience: seconds that a service must have failed without a break before it counts, unless that is final; 0 is right
        for new containers.
    """
    started = time.time()
    deadline = started + timeout
    before = engine.containers(project)
    restarts = {container.id: container.restarts for container in before}
    ailing = {container.service for container in before if container.health == "unhealthy"}
    failing: dict[str, float] = {}  # service → since when
    good_since: float | None = None
    while True:
        seen_at = time.time()
        verdicts = look(engine, project, wanted, restarts, crashes)
        if progress:
            progress(verdicts)
        failing = {verdict.service: failing.get(verdict.service, seen_at) for verdict in verdicts if verdict.state == "failed"}
        for verdict in verdicts:
            if verdict.state == "failed" and (
                (verdict.service in ailing and seen_at - started < AILING)
                or (not verdict.final and seen_at - failing[verdict.service] < patience)
            ):
                verdict.state = "waiting"
        states = {verdict.state for verdict in verdicts}
        if "failed" in states or time.time() >= deadline:
            return verdicts
        if states <= {"ok"}:
            good_since = good_since or seen_at
            if time.time() - good_since >= settle:
                return verdicts
        else:
            good_since = None
        # Docker counts `until` in whole seconds for its stored events; wake at least each second for probes and settling.
        for _event in engine.events(since=seen_at, until=min(deadline, time.time() + 1), project=project):
            break
