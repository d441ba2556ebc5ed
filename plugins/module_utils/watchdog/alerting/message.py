# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a notice to what a person at three in the morning can use: what fails, since when, why, what was done, where to look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from shlex import quote
from typing import Any

from ...core.masking import line, lines
from ...core.times import clock, lasting, moment
from .. import runbooks
from ..incidents import Incident, incident_from

SUBJECT, CAUSE, LINE = 140, 500, 300  # characters that are kept
LOG_LINES, STEPS, AFFECTED = 20, 20, 20
_DEPLOYED = {
    "live": "A release went live",
    "taken back in part": "A HUMAN IS NEEDED: a release failed and is taken back in part only",
    "refused": "A release that came by itself was refused",
    "failed before it began": "A release that came by itself failed before it began",
    "superseded": "A release that came by itself was superseded by a newer one",
    "drifted": "Something else runs than was delivered last",
    "as delivered": "What was delivered last runs again",
}
LATE = 300  # seconds after which a message says that it was held up

# What to look at, by a check of the host or its first word; `{0}` is what follows that word. Any other single word is a unit.
_HOST_LOOKS = {
    "disk": "df -h --output=target,pcent,ipcent,avail {0}",
    "memory": "docker stats --no-stream",
    "held updates": "apt list --upgradable",
    "reboot": "cat /run/reboot-required.pkgs",
    "clock": "timedatectl",
    "backup": "journalctl --no-pager -n 100 -g backup",
    "nginx configuration": "nginx -t",
}


@dataclass(frozen=True)
class Message:
    """What is said, before it takes the form of a receiver. Every text is masked and without control characters.

    :param what: open, escalate, reminder, end, success, deployment, test, or digest.
    :param ident: the incident's id; of a digest, made of those in it.
    :param headline: one line, at most SUBJECT characters.
    :param lead: the first sentence.
    :param facts: name and value.
    :param sections: heading and lines.
    :param log: last lines of what fails.
    :param commands: to look further.
    :param at: epoch seconds of the notice.
    """

    what: str
    ident: str
    severity: str
    host: str
    stack: str
    subject: str
    headline: str
    lead: str
    at: float
    facts: list[tuple[str, str]] = field(default_factory=list)
    sections: list[tuple[str, list[str]]] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    runbook: str = ""

    @property
    def good(self) -> bool:
        """It is good news."""
        return self.what in ("end", "success") or (self.what == "deployment" and self.severity == "info")


def name_of(incident: Incident) -> str:
    """What fails, with its stack: ``latentum/api-gateway``; of the host itself ``disk /``."""
    return line(f"{incident.stack}/{incident.subject}" if incident.stack else incident.subject, 100)


def compose(notice: Mapping[str, Any], now: float) -> Message:
    """The message of one notice.

    :param now: epoch seconds of its sending, to say when it was held up.
    """
    what, host, at = str(notice["what"]), line(notice["host"], 100), float(notice["at"])
    incident = incident_from(notice["incident"])
    name, cause = name_of(incident), line(incident.cause, CAUSE)
    lasted = lasting((incident.ended or at) - incident.began)
    ending = line(notice.get("ending") or "deployed", 30)
    # A story that goes on: healing gave up, or what was a warning is critical now.
    kind = "worse" if what == "escalate" and not incident.needs_human else what
    headline, lead = {
        "escalate": (
            f"NEEDS A HUMAN {host}: {name}: {cause}",
            f"{name} on {host} fails, and healing has given up: a human is needed.",
        ),
        "worse": (f"WORSE {host}: {name}: {cause}", f"{name} on {host} fails worse than before."),
        "reminder": (
            f"STILL {incident.severity.upper()} {host}: {name} for {lasted}: {cause}",
            f"{name} on {host} still fails, for {lasted}.",
        ),
        "end": (f"ENDED {host}: {name} is well again after {lasted}", f"{name} on {host} is well again after {lasted}."),
        "success": (f"DONE {host}: {name}: {cause}", f"{name} on {host} has come to its end and succeeded."),
        "deployment": (
            f"{ending.upper()} {host}: {incident.stack}: {cause}",
            f"{_DEPLOYED.get(ending, f'A release was {ending}')} on {host}: {incident.stack}: {cause}.",
        ),
        "test": (f"TEST {host}: {cause}", f"This is a test of the alerts of {incident.stack or host}, {cause}. Nothing is wrong."),
    }.get(kind, (f"{incident.severity.upper()} {host}: {name}: {cause}", f"{name} on {host} fails."))
    return Message(
        what=what,
        ident=line(incident.id),
        severity=incident.severity,
        host=host,
        stack=incident.stack,
        subject=line(incident.subject, 100),
        headline=line(headline, SUBJECT),
        lead=lead,
        at=at,
        facts=_facts_of(notice, incident, at, now),
        sections=_sections(incident),
        log=lines(incident.log, LOG_LINES, LINE),
        commands=commands(host, incident)[: 1 if what == "test" else None],
        runbook=" ".join(str(notice.get("runbook") or "").split()),
    )


def _facts_of(notice: Mapping[str, Any], incident: Incident, at: float, now: float) -> list[tuple[str, str]]:
    if notice["what"] == "test":
        return []
    if notice["what"] == "deployment":
        own = [(line(name, 40), line(value, CAUSE)) for name, value in notice.get("facts") or []]
        return [*own, ("At", moment(at)), *_held_up(at, now)]
    return _facts(incident, str(notice["what"]), at, now)


def _held_up(at: float, now: float) -> list[tuple[str, str]]:
    late = now - at > LATE
    return [("Held up", f"noticed at {moment(at)}, could not be sent for {lasting(now - at)}")] if late else []


def _facts(incident: Incident, what: str, at: float, now: float) -> list[tuple[str, str]]:
    facts = [("Cause", line(incident.cause, CAUSE)), ("Severity", incident.severity), ("Since", moment(incident.began))]
    if incident.ended is not None:
        facts += [("Until", f"{clock(incident.ended, incident.began)} ({lasting(incident.ended - incident.began)})")]
    elif what in {"escalate", "reminder"}:
        facts += [("For", lasting(at - incident.began))]
    if incident.affected:
        shown = ", ".join(line(subject, 60) for subject in incident.affected[:AFFECTED])
        more = len(incident.affected) - AFFECTED
        facts += [("Affected", f"{shown} and {more} more" if more > 0 else shown)]
    if incident.needs_human and what != "end":
        facts += [("Healing", "has given up; a human is needed")]
    if incident.flapping:
        facts += [("Flapping", "it failed again and again, and is taken for well only after a long quiet time")]
    return [*facts, *_held_up(at, now)]


def _sections(incident: Incident) -> list[tuple[str, list[str]]]:
    steps = lines((f"{clock(at, incident.began)}  {line(what, LINE)}" for at, what in incident.done), STEPS, LINE)
    return [("What was done", steps)] if steps else []


def commands(host: str, incident: Incident) -> list[str]:
    """What to type to look further, the general first."""
    ssh = f"ssh {quote(host)} sudo"
    _stack, _slash, rest = incident.key.partition("/")
    kind, _colon, name = rest.partition(":")
    if kind == "deployment":
        stack = quote(incident.stack)
        return [f"{ssh} opsctl status", f"{ssh} opsctl history --stack {stack}", f"{ssh} opsctl releases --stack {stack}"]
    if not incident.stack:
        word, _space, after = incident.subject.partition(" ")
        known = _HOST_LOOKS.get(incident.subject) or _HOST_LOOKS.get(word)
        unit = "journalctl --no-pager -p warning -n 50" if after else f"systemctl status --no-pager {quote(word)}"
        look = f"{ssh} {known.format(quote(after)) if known else unit}"
    elif kind == "job" and name:
        look = f"{ssh} opsctl jobs log --stack {quote(incident.stack)} {quote(name)}"
    elif kind == "fresh" and name:
        look = f"{ssh} opsctl jobs --stack {quote(incident.stack)}"
    elif kind in {"site", "certificate"}:
        look = f"curl -sSv -o /dev/null {quote(f'https://{name}/')}"
    elif rest and not name:
        look = f"{ssh} docker compose -p {quote(incident.stack)} logs --tail 100 {quote(rest)}"
    else:
        look = f"{ssh} docker compose -p {quote(incident.stack)} ps --all"
    page = f"{ssh} opsctl runbook {runbooks.of(incident.stack, incident.subject)}"
    return [f"{ssh} opsctl status", f"{ssh} opsctl incidents", page, line(look, LINE)]


def text(message: Message) -> str:
    """The whole message as plain text."""
    width = max((len(name) for name, _value in message.facts), default=0)
    parts = [message.lead]
    if message.facts:
        parts.append("\n".join(f"{name:<{width}}  {value}" for name, value in message.facts))
    if message.runbook:
        parts.append(f"Runbook: {message.runbook}")
    blocks = [*message.sections, ("Last log lines", message.log), ("Look further", message.commands)]
    parts += ["\n".join([f"{heading}:", *(f"  {entry}" for entry in content)]) for heading, content in blocks if content]
    return "\n\n".join(
        [*parts, f"Incident {message.ident}" if message.what != "digest" else "One message for many: the route's limit was reached."]
    )
