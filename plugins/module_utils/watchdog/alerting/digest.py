# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Digest of many notices in one message: a line an incident, what needs a human first, what is over last."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from shlex import quote
from typing import Any

from ...core.masking import line
from ...core.times import clock, lasting, moment
from ..incidents import SEVERITIES, Incident, incident_from
from .message import LATE, LINE, SUBJECT, Message, name_of

SHOWN = 60  # incidents a section names


def digest(notices: Sequence[Mapping[str, Any]], now: float) -> Message:
    """One message for all of these, oldest first; of an incident that opened and ended meanwhile one line remains."""
    by_incident: dict[str, list[Mapping[str, Any]]] = {}
    for notice in notices:
        by_incident.setdefault(incident_from(notice["incident"]).id, []).append(notice)
    human: list[str] = []
    still: list[str] = []
    over: list[str] = []
    done: list[str] = []
    worst = "info"
    for incident_notices in by_incident.values():
        incident = incident_from(incident_notices[-1]["incident"])
        worst = max(worst, *(str(notice["incident"]["severity"]) for notice in incident_notices), key=_rank)
        last = str(incident_notices[-1]["what"])
        where = done if last in ("success", "deployment") else over if last == "end" else human if incident.needs_human else still
        where.append(_line(incident, [str(notice["what"]) for notice in incident_notices]))
    host, first = line(notices[0]["host"], 100), float(notices[0]["at"])
    counts = [
        f"{len(group)} {word}" for group, word in ((human, "need a human"), (still, "open"), (over, "ended"), (done, "done")) if group
    ]
    total = len(by_incident)
    news = human or still or done
    headings = (("A human is needed", human), ("Open", still), ("Ended", over), ("Deployments and jobs", done))
    return Message(
        what="digest",
        ident="digest:"
        + hashlib.sha256("\n".join(f"{key} {len(incident_notices)}" for key, incident_notices in by_incident.items()).encode()).hexdigest()[
            :24
        ],
        severity=worst if news else "info",
        host=host,
        stack=_common([str(notice["incident"]["stack"]) for notice in notices]),
        subject="",
        headline=line(f"{worst.upper() if news else 'ENDED'} {host}: {total} incidents: {', '.join(counts)}", SUBJECT),
        lead=f"{total} incidents on {host}: {', '.join(counts)}.",
        at=float(notices[-1]["at"]),
        facts=[("Held up", f"the first was noticed at {moment(first)}")] if now - first > LATE else [],
        sections=[(heading, _shown(group)) for heading, group in headings if group],
        commands=[f"ssh {quote(host)} sudo opsctl status", f"ssh {quote(host)} sudo opsctl incidents"],
    )


def _rank(severity: str) -> int:
    return SEVERITIES.index(severity) if severity in SEVERITIES else 0


def _common(stacks: list[str]) -> str:
    return stacks[0] if len(set(stacks)) == 1 else ""


def _shown(group: list[str]) -> list[str]:
    return group if len(group) <= SHOWN else [*group[:SHOWN], f"… and {len(group) - SHOWN} more: opsctl incidents"]


def _line(incident: Incident, kinds: list[str]) -> str:
    """One incident: its severity, name, cause and times."""
    text = f"{incident.severity.upper()} {name_of(incident)}: {line(incident.cause, 140)}"
    if incident.ended is None:
        return line(f"{text}; since {moment(incident.began)}", LINE)
    if kinds[-1] in ("success", "deployment"):
        return line(f"{text}; {moment(incident.ended)}", LINE)
    words = "opened and ended" if kinds[0] != "end" else "ended"
    lasted = lasting(incident.ended - incident.began)
    return line(f"{text}; {words}: {moment(incident.began)} to {clock(incident.ended, incident.began)} ({lasted})", LINE)
