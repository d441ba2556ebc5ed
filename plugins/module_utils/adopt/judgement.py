# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that was found, each with what a run would do to it.

A rule is a file in `rules` with a function `judge`, and its line here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ..core.masking import masked
from ..core.process import CommandError
from .finding import ORDER, DeclaredStack, Finding, Given, Verdict
from .host import SurveyedHost
from .rules import (
    accounts,
    agents,
    certificates,
    chains,
    daemon,
    databases,
    engine,
    jails,
    jobs,
    kernel,
    networks,
    packages,
    ports,
    preflight,
    projects,
    sites,
    sshd,
    storage,
    ufw,
    updates,
)
from .survey.survey import Survey

Rule = Callable[[Given], Iterable[Finding]]

RULES: Sequence[Rule] = (
    preflight.judge,
    engine.judge,
    ports.judge,
    sites.judge,
    certificates.judge,
    ufw.judge,
    chains.judge,
    jails.judge,
    daemon.judge,
    projects.judge,
    networks.judge,
    databases.judge,
    jobs.judge,
    sshd.judge,
    accounts.judge,
    packages.judge,
    updates.judge,
    kernel.judge,
    agents.judge,
    storage.judge,
)


def judge(
    host: SurveyedHost, survey: Survey, wanted: Mapping[str, Mapping[str, Any]], stacks: Iterable[Mapping[str, Any]]
) -> list[Finding]:
    """All findings, those that ask for something first; no secret is in them.

    :param wanted: by role, what it wants; empty for an inventory of the host, which is not judged.
    """
    given = Given(host, survey, wanted, [DeclaredStack.read(stack) for stack in stacks])
    findings: list[Finding] = []
    for rule in RULES:
        try:
            findings += rule(given)
        except (OSError, ValueError, KeyError, TypeError, CommandError) as error:
            survey.unseen.append(masked(f"{rule.__module__.rpartition('.')[2]}: {type(error).__name__}: {error}"))
    hidden = [Finding(**{**masked(finding.as_dict()), "verdict": finding.verdict}) for finding in findings]
    if not wanted:
        return [Finding(finding.kind, finding.name, finding.details, Verdict.FOUND) for finding in hidden]
    return sorted(hidden, key=lambda finding: ORDER.index(finding.verdict))
