# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a host may be worked on now: its window, whoever works on its stacks, their error budgets, their health.

Nothing is decided here that is decided elsewhere: locks are `core/locks`, budgets `slo/gate`, health `health/assessment`, restores
`maintenance/windows`; a window's calendar is read by systemd.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from ..containers.client import DockerUnavailable, Engine
from ..contracts.health import expectations_from
from ..core.locks import holder
from ..core.process import CommandError
from ..core.time_windows import next_start
from ..health.assessment import look
from ..maintenance import windows
from ..release.journal import Journal
from ..slo import gate
from ..slo import settings as slo_settings
from .obstacle import Kind, Obstacle
from .request import Settings
from .upgrades import Plan


@dataclass
class Permission:
    """What was found.

    :param notes: what does not stand against it, and is to be known.
    :param exemption: why a budget that is nearly spent does not hold it up.
    """

    obstacles: list[Obstacle] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    exemption: str = ""


def ask(settings: Settings, plan: Plan, stacks: Sequence[dict[str, Any]], now: float | None = None) -> Permission:
    """Whether this host may be updated now.

    :param stacks: their descriptions (`release/stacks`).
    """
    now = time.time() if now is None else now
    found = Permission([*window(settings, now)])
    found.obstacles += [*underway(stacks)]
    _budgets(settings, stacks, found, now)
    found.obstacles += [*health(stacks)]
    if plan.touches_engine:
        found.obstacles += [*live_restore(settings)]
    return found


def window(settings: Settings, now: float) -> Iterator[Obstacle]:
    """Now lies in the window: it began at some time since one duration ago."""
    if not settings.window_start:
        return
    lasts = windows.seconds(settings.window_duration)
    try:
        begins = next_start(settings.window_start, now - lasts)
    except CommandError as error:
        yield Obstacle(Kind.WINDOW, f"patch_window.start: systemd does not understand {settings.window_start!r}: {error}")
        return
    if begins > now:
        at = datetime.fromtimestamp(begins, timezone.utc).isoformat(timespec="minutes")
        own = f"{settings.window_start} for {settings.window_duration}"
        yield Obstacle(
            Kind.WINDOW, f"it is not its window ({own}): the next one begins at {at}; -e '{{\"patch_window\": {{}}}}' updates it now"
        )


def underway(stacks: Sequence[dict[str, Any]]) -> Iterator[Obstacle]:
    """Somebody works on a stack, has left a rollout, or restores something."""
    for name in (str(stack["name"]) for stack in stacks):
        if held := holder(name):
            who, what = held.get("who", "somebody"), held.get("what") or "works"
            yield Obstacle(Kind.STACK, f"{name} is locked by {who} ({what}, pid {held.get('pid', '?')}): try again when it is done")
        elif left := Journal(name).underway():
            yield Obstacle(
                Kind.STACK, f"{name}: a rollout was begun and not ended ({left.describe()}): deploy it again, or `opsctl rollback {name}`"
            )
    for one in windows.load():
        if one.purpose == windows.Purpose.RESTORE.value:
            yield Obstacle(Kind.RESTORE, f"{one.describe()}: try again when the restore is done")


def _budgets(settings: Settings, stacks: Sequence[dict[str, Any]], found: Permission, now: float) -> None:
    """Error budgets that are nearly spent, by the rule that holds releases up."""
    exempt = gate.passage(settings.budget_override, settings.security_fix)
    for name in (str(stack["name"]) for stack in stacks):
        try:
            objectives = slo_settings.load(name)
        except ValueError as error:
            found.obstacles.append(Obstacle(Kind.BUDGET, str(error)))
            continue
        ruling = gate.ask(objectives, exempt, now)
        found.notes += [f"{name}: {line}" for line in ruling.lines]
        if ruling.refusal:
            found.obstacles.append(Obstacle(Kind.BUDGET, f"{name}: {ruling.refusal}"))
        if ruling.passed:
            found.exemption = f"{ruling.passed.exemption.step}: {ruling.passed.reason}"


def health(stacks: Sequence[dict[str, Any]]) -> Iterator[Obstacle]:
    """Services that are not as they should be before anything was done: nobody could tell later what the update has broken."""
    if not stacks:
        return
    try:
        engine = Engine()
        for stack in stacks:
            for verdict in look(engine, str(stack["name"]), expectations_from(stack["services"])):
                if verdict.state != "ok":
                    text = f"{stack['name']}/{verdict.service} is not well before the update: {verdict.reason}; look at `opsctl check`"
                    yield Obstacle(Kind.HEALTH, text)
    except (DockerUnavailable, OSError, ValueError) as error:
        yield Obstacle(Kind.HEALTH, str(error))


def live_restore(settings: Settings) -> Iterator[Obstacle]:
    """Containers outlive an engine that is replaced."""
    try:
        info = Engine().api.info()
    except (DockerUnavailable, OSError) as error:
        yield Obstacle(Kind.LIVE_RESTORE, str(error))
        return
    if info.get("LiveRestoreEnabled") or settings.without_live_restore or not info.get("ContainersRunning"):
        return
    swarm = (info.get("Swarm") or {}).get("LocalNodeState") == "active"
    how = "a swarm excludes it: drain the node first" if swarm else "set docker_live_restore: true and run site.yml --tags docker"
    text = f"the engine runs without live-restore, so its {info['ContainersRunning']} containers would stop with it: {how}"
    yield Obstacle(Kind.LIVE_RESTORE, f"{text}, or let them stop for one run with -e patch_engine_without_live_restore=true")
