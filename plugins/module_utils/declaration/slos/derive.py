# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is made of objectives: the hand-over to the engine's rules (package C(slo))."""

from __future__ import annotations

from typing import Any

from ...contracts.error_budget import SloSettings
from ...contracts.objectives import EVENTS, MINUTES, Objective
from ..jobs.model import jobs_of
from ..model import Declaration
from ..monitoring.model import monitoring_of
from .checks import given, percent_of
from .model import ObjectiveEntry, named_route, probes_by_name, routes_by_name, slos_of
from .schema import INDICATORS, SUBJECTS

# By what is counted: events in the longer window, failures in it, failures in a row. A look that fails is a part of a minute, and looked
# at again by the watchdog before it is one; runs of a job are few.
_LEAST = {"requests": (50, 5, 5), "minutes": (10, 1, 5), "runs": (10, 2, 3)}


def slo_objectives(declaration: Declaration) -> list[dict[str, Any]]:
    """The objectives of a stack, defaults written out, all durations in seconds."""
    return [_objective(declaration, item).to_dict() for item in slos_of(declaration)]


def slo_settings(declaration: Declaration) -> dict[str, Any]:
    """What a host needs to know of the objectives of a stack; nothing where it has none."""
    objectives = tuple(_objective(declaration, item) for item in slos_of(declaration))
    monitoring = monitoring_of(declaration)
    return SloSettings(declaration.name, objectives, monitoring.prometheus, monitoring.budget).to_dict() if objectives else {}


def _objective(declaration: Declaration, item: ObjectiveEntry) -> Objective:
    (subject,), (indicator,) = given(item, SUBJECTS), given(item, INDICATORS)
    counted = "runs" if indicator == "success" else "minutes" if subject in ("probe", "data", "job") else "requests"
    least = dict(zip(("min_events", "min_failed", "floor"), _LEAST[counted], strict=True))
    if item["page"] == "none":
        least["floor"] = 0
    given_least = {name: least[name] if item[name] is None else item[name] for name in least}
    if item["min_failed"] is None:
        given_least["min_failed"] = min(least["min_failed"], given_least["min_events"])
    if item["min_events"] is None:
        given_least["min_events"] = max(least["min_events"], given_least["min_failed"])
    target = named_route(item["route"]) if subject == "route" else item[subject]
    return Objective(
        stack=declaration.name,
        name=item["name"],
        subject=subject,
        target=target,
        indicator=indicator,
        percent=percent_of(item, indicator),
        window=item["window"],
        service=_service(declaration, subject, target),
        unit=MINUTES if counted == "minutes" else EVENTS,
        below=item["latency"]["below"] if item["latency"] else 0,
        newest=(item["freshness"]["newest"] or 0) if item["freshness"] else 0,
        page=item["page"],
        ticket=item["ticket"],
        no_data=item["no_data"],
        burn_in=item["burn_in"],
        burn_in_until=item["burn_in_until"] or 0,
        scrape_interval=monitoring_of(declaration).scrape_interval,
        runbook=declaration.watchdog.runbook or "",
        **given_least,
    )


def _service(declaration: Declaration, subject: str, target: str) -> str:
    if subject == "route":
        return routes_by_name(declaration)[target][0]
    if subject == "job":
        return str(jobs_of(declaration)[target]["service"])
    if subject == "probe":
        return probes_by_name(declaration)[target]
    if subject == "data":
        watch = declaration.watchdog.freshness[target]
        return next((str(watch[kind]["service"]) for kind in ("query", "file", "url", "mlflow") if watch[kind]), "")
    return target
