# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a deployment did, as a table that an operator reads in a terminal or in the log of a job."""

from __future__ import annotations

from ..core.format import columns
from .request import Outcome


def digest(text: str) -> str:
    """The first letters of a digest."""
    return text.removeprefix("sha256:")[:12] or "-"


def table(outcome: Outcome) -> str:
    """Release, digests, batches, requests, and the time of each part."""
    if not outcome.sentences:
        nothing = [*([outcome.found] if outcome.found else []), *outcome.kept_sentences, f"release {outcome.release}: nothing to do"]
        return "\n".join(nothing)
    came = f", before it {outcome.previous}" if outcome.previous and outcome.previous != outcome.release else ""
    lines = [f"release {outcome.release}{came}"]
    if outcome.found:
        lines.append(outcome.found)
    rows = [["service", "what", "digest before", "digest now"]]
    for plan, (_service, before, after) in zip(outcome.plans, outcome.digests, strict=True):
        rows.append([plan.service, plan.sentence().partition(": ")[2], digest(before), digest(after)])
    lines += columns(rows) if outcome.plans else []
    lines += outcome.kept_sentences
    lines += [*outcome.models, *outcome.routes]
    lines += columns(outcome.phases.rows())
    lines += outcome.budget
    lines += [f"!! task failed, the release stays: {task.splitlines()[0]}" for task in outcome.failed_tasks]
    if outcome.served or outcome.maintenance:
        counted = [f"{outcome.served} answered", f"{outcome.failed} with a status from 500 on"]
        counted += [f"{outcome.maintenance} more got the maintenance page"] if outcome.maintenance else []
        lines.append(f"requests during the rollout (access log): {', '.join(counted)}")
    if outcome.timings:
        lines.append("seconds: " + ", ".join(f"{what} {seconds:.1f}" for what, seconds in outcome.timings))
    return "\n".join(lines)
