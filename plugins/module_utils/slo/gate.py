# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The error budgets of a stack as a gate of its releases: one goes as usual, with a warning, by a canary, or not at all.

Asked is whatever Prometheus the declaration names, from the host that gets the release. Only a new release is asked about: a rollback,
what is taken back or healed, a number of containers and the live release again never are.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import Enum

from ..contracts.canary import Rule
from ..contracts.error_budget import REFUSE, SloSettings
from ..core.format import duration
from ..core.masking import line
from .budget import BudgetState, strictest
from .measured import Measured, measure, unmeasured
from .source import Source, SourceError

LONGEST = 200  # characters of a reason
_NOTHING_SAID = ("", "true", "yes", "on", "1", "y")
_WAYS = (
    "A rollback is never refused, nor a security fix that is named (-e ops_security_fix=CVE-2026-1234, `opsctl deploy --security-fix"
    " CVE-2026-1234`); whoever has to release all the same writes why (-e ops_budget_override='…', --budget-override '…'), which is kept"
    " and told. Nothing was changed"
)
_TOLD = (BudgetState.WARN, BudgetState.CANARY, BudgetState.REFUSE)


class Exemption(Enum):
    """Why a release goes past the budgets; its value is in the journal."""

    OVERRIDE = "budget_override"
    SECURITY_FIX = "security_fix"

    @property
    def step(self) -> str:
        """For the journal, before its reason."""
        return "error budget overridden" if self is Exemption.OVERRIDE else "security fix, whatever the error budget"


@dataclass(frozen=True)
class Passage:
    """An exemption that somebody asked for, with their reason."""

    exemption: Exemption
    reason: str


def passage(override: str, security_fix: str) -> Passage | None:
    """What somebody wrote as ``ops_budget_override`` and ``ops_security_fix``; None for nothing. A security fix needs no override.

    :raises ValueError: it names no reason, which the journal and the receivers are to have.
    """
    for exemption, key, written, example in (
        (Exemption.SECURITY_FIX, "security_fix", security_fix, "CVE-2026-1234"),
        (Exemption.OVERRIDE, "budget_override", override, "the fix of the outage itself"),
    ):
        reason = line(written.strip(), LONGEST)
        if written and reason.lower() in _NOTHING_SAID:
            raise ValueError(f"{key}: {written!r} is no reason: write what for, such as {example!r}")
        if reason:
            return Passage(exemption, reason)
    return None


@dataclass(frozen=True)
class Ruling:
    """What the budgets mean for a new release.

    :param lines: for whoever deploys.
    :param refusal: why it may not be; empty where it may.
    :param canary: the trial for services that declare none; None where nobody forces one.
    :param passed: the exemption by which it goes past what would have held it up; None where nothing would, or nobody asked for one.
    """

    state: BudgetState = BudgetState.UNKNOWN
    lines: tuple[str, ...] = ()
    refusal: str = ""
    canary: Rule | None = None
    passed: Passage | None = None


def ask(settings: SloSettings | None, exempt: Passage | None = None, now: float | None = None) -> Ruling:
    """What the budgets mean for a new release of this stack.

    Nothing without objectives that decide, and without a Prometheus: who declares none has no gate.

    :param now: seconds since the epoch.
    """
    now = time.time() if now is None else now
    if settings is None or not settings.prometheus:
        return Ruling()
    deciding = [objective for objective in settings.objectives if not objective.burns_in(now)]
    if not deciding:
        return Ruling()
    policy = settings.policy
    try:
        measured = measure(deciding, Source(settings.prometheus, policy.timeout), now, policy)
        silent = [f"nothing is measured of {entry.objective.name}" for entry in measured if entry.state is BudgetState.UNKNOWN]
    except SourceError as error:
        measured, silent = [unmeasured(objective, policy, now) for objective in deciding], [str(error)]
    state = strictest(entry.state for entry in measured)
    canary = policy.trial if state in (BudgetState.CANARY, BudgetState.REFUSE) else None
    lines = [f"error budget unknown: {reason}" for reason in silent]
    lines += [f"error budget: {_left(entry)}" for entry in measured if entry.state in _TOLD]
    held = [entry for entry in measured if entry.state is BudgetState.REFUSE]
    why = "; ".join(map(_left, held))
    if silent and policy.unknown == REFUSE:
        why = "; ".join([*filter(None, [why]), *silent])
    if exempt and (why or canary):
        return Ruling(state, (*lines, f"{exempt.exemption.step}: {exempt.reason}"), passed=exempt)
    if silent and not why:
        lines.append("that does not hold up the release (monitoring.budget.unknown: refuse would)")
    if why:
        what = f"less than {policy.refuse_below:g} % of the error budget is left: " if held else "the error budget is not known: "
        return Ruling(state, tuple(lines), f"{what}{why}. No new release until there is budget again. {_WAYS}", canary)
    if state is BudgetState.WARN:
        lines.append("reliability work comes first")
    return Ruling(state, tuple(lines), canary=canary)


def _left(entry: Measured) -> str:
    """How much is left of one budget, and until when."""
    remaining, spent_in = entry.budget.remaining, entry.spent_in
    if remaining is None:
        return f"{entry.objective.name} unknown"
    ends = f", spent in {duration(int(spent_in))} at the present pace" if spent_in else ""
    few = "" if entry.enough else ", of few events"
    return f"{entry.objective.name} has {remaining:.1%} left{few}{ends}"
