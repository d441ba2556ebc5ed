# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Overall state in one sentence: what a person wants to know first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

NAMED = 3  # names a list gives before it counts
_KINDS = {"site": "site", "certificate": "certificate of", "job": "job", "fresh": "freshness of"}
Status = Mapping[str, Any]


@dataclass(frozen=True)
class Overall:
    """`level`: ok, maintenance, degraded, down, or none where nothing is watched; `sentence` without a full stop."""

    level: str
    sentence: str


def overall(status: Status, stack: str | None = None) -> Overall:
    """Sum up the whole host, or what one stack consists of and stands on.

    What suffers from something else is named as its consequence. What is only suspected, or just starts, is not trouble yet.
    """
    stacks = chosen(status, stack)
    # Names alone where there is one stack.
    named = [(_name(stack, service, len(stacks) > 1), service) for stack in stacks for service in stack.get("services", [])]
    groups = {state: [name for name, service in named if service["state"] == state] for state in ("down", "degraded", "affected")}
    unreachable = [str(site["domain"]) for stack in stacks for site in stack.get("sites", []) if site["state"] == "down"]
    critical = [str(check["name"]) for check in status.get("host_checks", []) if check["state"] == "critical"]

    clauses = [is_are(groups[state], state) for state in ("down", "degraded") if groups[state]]
    if clauses and groups["affected"]:
        clauses[-1] += f"; this affects {listed(groups['affected'])}"
    elif groups["affected"]:
        clauses.append(is_are(groups["affected"], "affected"))
    if unreachable and not clauses:
        clauses.append(is_are(unreachable, "unreachable"))
    if critical:
        clauses.append(is_are(critical, "critical"))
    if clauses:
        return Overall("down" if groups["down"] or unreachable else "degraded", ", ".join(clauses))
    return _otherwise(status, stack, stacks, named)


def _otherwise(status: Status, stack: str | None, stacks: Sequence[Status], named: Sequence[tuple[str, Status]]) -> Overall:
    """Nothing that is watched fails right now: what is said elsewhere, maintenance, or all well."""
    for state in ("down", "degraded"):
        if names := [str(stack["name"]) for stack in stacks if stack.get("state") == state]:
            return Overall(state, is_are(names, state))
    if names := [shown_subject(incident) for incident in incidents(status, "incidents", stack) if incident["severity"] != "info"]:
        return Overall("degraded", f"an incident of {listed(names)} is open")
    if names := [str(stack["name"]) for stack in stacks if stack.get("state") == "maintenance"]:
        return Overall("maintenance", is_are(names, "under maintenance"))
    if names := [name for name, service in named if service["state"] == "maintenance"]:
        return Overall("maintenance", f"{is_are(names, 'under maintenance')}; all else is up")
    if not named:
        return Overall("none", "Nothing is watched yet")
    return Overall("ok", "All systems are up")


def chosen(status: Status, stack: str | None) -> list[Status]:
    """The stacks that are shown: this one, or all."""
    return [entry for entry in status.get("stacks", []) if stack is None or entry["name"] == stack]


def incidents(status: Status, which: str, stack: str | None) -> list[Status]:
    """Of the host and the stacks that are shown; `which`: incidents or history."""
    return [incident for incident in status.get(which, []) if stack is None or incident["stack"] in ("", stack)]


def windows(status: Status, stack: str | None) -> list[Status]:
    """Maintenance of the host and the stacks that are shown."""
    return [
        window for window in status.get("maintenance", []) if stack is None or str(window["scope"]).partition("/")[0] in ("host", stack)
    ]


def shown_subject(incident: Status) -> str:
    """What fails, in words: ``site:example.com`` is a key, not a word."""
    kind, colon, name = str(incident["subject"]).partition(":")
    return f"{_KINDS[kind]} {name}" if colon and kind in _KINDS else str(incident["subject"])


def listed(names: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and 3 more``."""
    shown = list(names) if len(names) <= NAMED else [*names[: NAMED - 1], f"{len(names) - NAMED + 1} more"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def is_are(names: Sequence[str], state: str) -> str:
    """A clause about all of these."""
    return f"{listed(names)} {'is' if len(names) == 1 else 'are'} {state}"


def _name(stack: Status, service: Status, several: bool) -> str:
    return f"{stack['name']}/{service['service']}" if several else str(service["service"])
