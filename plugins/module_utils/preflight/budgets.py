# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Error budgets that are nearly spent: a run that would bring a new release is refused before it has changed anything else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..contracts.error_budget import SloSettings
from ..contracts.registered_model import models_from
from ..core.progress import Progress
from ..release.journal import Journal
from ..release.pinning import Declared, certainly_another, with_references
from ..release.store import Store
from ..schema.nodes import Problem
from ..slo import gate
from .host import Host


def left(host: Host, wanted: Mapping[str, Mapping[str, Any]]) -> Iterator[Problem]:
    """Enough is left for a new release. What only the rollout can know, such as an image that is built in this run, it asks itself."""
    given = wanted["stack"]
    live = Store(given["name"]).live() if given.get("slo") else None
    if live is None or given.get("built") or not given["project"].get("services") or Journal(given["name"]).underway():
        return
    try:
        passage = gate.passage(str(given["budget_override"] or ""), str(given["security_fix"] or ""))
    except ValueError as error:
        key, _colon, what = str(error).partition(": ")
        yield Problem(f"stack_{key}", "", what, "write it with a reason, or not at all")
        return
    ruling = gate.ask(SloSettings.from_dict(given["slo"], "slo"), passage)
    if ruling.refusal and certainly_another(declared_of(given), live, host.engine, Progress(live.stack, "preflight", silent=True)):
        yield Problem("monitoring.budget", "", "does not let a new release out", ruling.refusal)


def declared_of(given: Mapping[str, Any]) -> Declared:
    """What the run brings, as the rollout is given it."""
    return Declared(
        stack=given["name"],
        directory=given["directory"],
        project=with_references(given["project"], given.get("images") or {}),
        environment=given["environment"] or {},
        services=[],
        policies=[],
        pull=given["pull"],
        models=models_from(given.get("models") or []),
    )
