# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people are told of deliveries where no rollout tells it: lines in the journal of the stack, from which the watchdog makes notices.

A rollout writes its own end. What was refused, superseded or failed before one began, and images that are others than those that were
delivered last, stand there by this file. What a line says stands in the journal, so a kill says nothing twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from ..release.journal import AS_DELIVERED, DELIVERY, DRIFTED, FAILED, REFUSED, SUPERSEDED, Journal
from . import running
from .entry import Entry, State

PATIENCE = 600.0  # seconds that a difference lasts before it is told: whoever rolls back by hand is about to do more
_LAST = 1000  # lines of a journal that are looked at
_FORBIDDEN = 403  # whoever called was told so, and a push to a branch that no rule names is no news
_STEPS = {State.REFUSED: REFUSED, State.SUPERSEDED: SUPERSEDED, State.FAILED: FAILED}


def told(stack: str, entries: Iterable[Entry]) -> list[Entry]:
    """Write down what has ended without a rollout, once; the entries that are done with, so that they may be marked."""
    done, known = [], None
    for entry in entries:
        if not entry.state.ended or entry.noted:
            continue
        step = _STEPS.get(entry.state)
        if step and entry.status != _FORBIDDEN and not Journal(stack).ending(entry.attempt):
            known = _attempts(stack) if known is None else known
            if entry.attempt not in known:
                about = {"what": entry.title, "who": entry.request.who, "reason": entry.reason, "live": entry.live}
                Journal(stack).write(kind=DELIVERY, step=step, attempt=entry.attempt, **about)
        done.append(entry)
    return done


def _attempts(stack: str) -> set[str]:
    return {str(line.get("attempt")) for line in Journal(stack).read(_LAST) if line.get("kind") == DELIVERY}


@dataclass
class Drift:
    """Looks whether what runs is what was delivered last, and says it when that has changed and lasts.

    :param look: what runs of a stack.
    """

    look: Callable[[str], running.Running] = running.of
    _since: dict[str, tuple[str, float]] = field(default_factory=dict)

    def tell(self, stack: str, now: float) -> str:
        """The step that was written; empty where there is nothing new."""
        differing = "; ".join(self.look(stack).differing)
        before, since = self._since.get(stack, ("", now))
        if differing != before or stack not in self._since:
            self._since[stack], since = (differing, now), now
        known = self._written(stack)
        if differing == known or (differing and now - since < PATIENCE):
            return ""
        step = DRIFTED if differing else AS_DELIVERED
        Journal(stack).write(kind=DELIVERY, step=step, attempt=f"drift-{int(now)}", what="what runs", reason=differing)
        return step

    def _written(self, stack: str) -> str:
        lines = [line for line in Journal(stack).read(_LAST) if line.get("step") in (DRIFTED, AS_DELIVERED)]
        return str(lines[-1].get("reason") or "") if lines else ""
