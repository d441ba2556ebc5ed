# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Members of a load balancer: a host behind it is taken out of the traffic, and put back; the drain is observed, not assumed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..containers.client import DockerUnavailable, Engine
from ..contracts.upstreams import Upstream
from . import drain
from . import sync as upstreams
from .drain import Remaining


class DrainError(Exception):
    """The member cannot be taken out; the message says why."""


@dataclass
class Outcome:
    """What changed, and who was left when the time was up."""

    changed: bool
    upstreams: list[str]
    left: Remaining | None = None


def set_member(
    name: str, state: str, timeout: float, *, check: bool = False, progress: Callable[[Remaining], None] | None = None
) -> Outcome:
    """Take a member out of all upstreams that name it (``drained``), or put it back (``active``).

    :param timeout: seconds to wait for its requests.
    :raises DrainError: no upstream names it, or it is the last one that serves.
    """
    known = upstreams.load()
    mine = [upstream for upstream in known if any(member.name == name for member in upstream.members)]
    if not mine:
        members = sorted({member.name for upstream in known for member in upstream.members})
        raise DrainError(f"member: no upstream on this host has {name!r}: write one of {', '.join(members) or '(there are none)'}")
    away = upstreams.drained()
    wanted = away | {name} if state == "drained" else away - {name}
    for upstream in mine:
        if all(member.name in wanted for member in upstream.members):
            raise DrainError(f"member: {name} is the last one of {upstream.name} that serves: put another one back first")
    outcome = Outcome(wanted != away, [upstream.name for upstream in mine])
    if check or not outcome.changed:
        return outcome
    before = drain.workers()
    upstreams.set_drained(wanted)
    try:
        upstreams.sync(_engine(known), known)
    except BaseException:
        upstreams.set_drained(away)
        raise
    if state == "drained":
        addresses = [member.server for upstream in mine for member in upstream.members if member.name == name]
        outcome.left = drain.wait(before, addresses, timeout, progress)
    return outcome


def _engine(known: list[Upstream]) -> Engine | None:
    """A load balancer needs no containers, and may have no engine."""
    if all(upstream.members for upstream in known):
        return None
    try:
        return Engine()
    except DockerUnavailable as error:
        raise DrainError(str(error)) from error
