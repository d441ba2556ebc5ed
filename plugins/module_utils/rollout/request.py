# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody wants done with a stack, and what came of it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ..containers.client import Container
from ..contracts.error_budget import SloSettings
from ..contracts.rollout_policy import Hooks
from ..core.caller import automatic
from ..hostconfig.entries import Change
from ..slo.gate import Passage
from .phases import Phases
from .plan import ServicePlan

ROTATION = "rotation"  # a kind of order: the live release again, for secrets that were changed


class DeployFailed(Exception):
    """A deployment that did not happen; the message says why, what was taken back, and what is live."""


@dataclass(frozen=True)
class Order:
    """How a deployment is to be carried out.

    :param attempt: names it for those who follow its progress.
    :param kind: deploy, rollback, scale or rotation.
    :param held: whoever asks holds the lock of the stack already.
    :param force: also a release that failed before.
    :param automatic: no person asked for this release: one that failed is left alone, whatever has changed around it.
    :param wait: seconds to wait for the lock of the stack.
    :param before: commands of the host that run first (a backup); argv lists. None where nothing is said about them.
    :param backup_max_age: seconds; a deployment begins with a backup where the last one that was restored is older. 0 for never.
    :param recreate: services to replace although nothing differs.
    :param promoted_from: the environment and release that the images come from, C(staging@3f2a90c1d4e7); empty for none.
    :param slo: the objectives whose error budgets a new release is asked about; None for no such gate.
    :param passage: it goes past them, with a reason.
    """

    attempt: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    kind: str = "deploy"
    force: bool = False
    automatic: bool = field(default_factory=automatic)
    wait: float = 0.0
    check: bool = False
    before: Sequence[Sequence[str]] | None = None
    before_timeout: float = Hooks.before_timeout
    backup_max_age: float = Hooks.backup_max_age
    recreate: Sequence[str] = ()
    promoted_from: str = ""
    slo: SloSettings | None = None
    passage: Passage | None = None
    held: bool = False
    tell: Callable[[str], None] = lambda _line: None

    @property
    def origin(self) -> dict[str, str]:
        """For the journal: where the images come from, where they come from somewhere."""
        return {"promoted_from": self.promoted_from} if self.promoted_from else {}


@dataclass
class Outcome:
    """What was, or in check mode would be, done.

    :param budget: what the error budgets mean for it, for a person.
    :param delivered: images that came by themselves where others are declared, and what was done about it, for a person.
    :param forced: services that go by a canary which they do not declare.
    :param failed_tasks: tasks after the deployment that failed, and whose failure takes nothing back.
    :param kept: service to the containers that somebody has started by hand, and that go on because they are what the release wants.
    """

    release: str = ""
    previous: str | None = None
    kept: dict[str, list[Container]] = field(default_factory=dict)
    plans: list[ServicePlan] = field(default_factory=list)
    routes: list[str] = field(default_factory=list)
    models: list[str] = field(default_factory=list)
    reloads: list[str] = field(default_factory=list)
    found: str = ""
    digests: list[tuple[str, str, str]] = field(default_factory=list)
    files: list[Change] = field(default_factory=list)
    served: int = 0
    failed: int = 0
    maintenance: int = 0
    timings: list[tuple[str, float]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    phases: Phases = field(default_factory=Phases)
    failed_tasks: list[str] = field(default_factory=list)
    budget: list[str] = field(default_factory=list)
    forced: list[str] = field(default_factory=list)
    delivered: list[str] = field(default_factory=list)

    @property
    def sentences(self) -> list[str]:
        """What differs, for a person: each service, then each version of a model, each route, each file that is reloaded."""
        return [*(plan.sentence() for plan in self.plans), *self.models, *self.routes, *self.reloads]

    @property
    def kept_sentences(self) -> list[str]:
        """What is taken over as it is, for a person."""
        return [f"{service}: kept, {len(containers)} equal to what runs" for service, containers in self.kept.items()]

    @property
    def every_sentence(self) -> list[str]:
        """What is taken over as it is, and what differs."""
        return [*self.kept_sentences, *self.sentences]

    @property
    def changed(self) -> bool:
        """Anything differs, or did, or is taken over as it is."""
        done = self.found or self.files or self.reloads or self.kept
        return bool(done) or any(plan.changes for plan in self.plans)
