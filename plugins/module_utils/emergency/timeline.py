# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The timeline of an incident, in Markdown: deployments, alerts, healing, maintenance, backups and isolation in one order, in UTC.

It is made of what the host has written down already, for the review afterwards; what only people know is left open to be written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..backup import settings as backup_settings
from ..backup import state as backup_state
from ..core.format import size
from ..core.masking import line
from ..core.times import epoch, lasting, moment
from ..firewall import isolated
from ..maintenance import windows as maintenance_windows
from ..release.journal import LINES, LIVE, PARTLY_TAKEN_BACK, TAKEN_BACK, Journal
from ..watchdog.incidents import Incident
from ..watchdog.memory import Memory

LONGEST = 300  # characters of what stands in one row
ENDINGS = (LIVE, TAKEN_BACK, PARTLY_TAKEN_BACK, "failed", "refused")  # steps of a rollout that say how it ended


@dataclass(frozen=True)
class Event:
    """Something that happened.

    :param at: epoch seconds.
    :param source: watchdog, deployment, recover, isolate, maintenance, backup.
    :param subject: stack, or stack and service; ``host``.
    """

    at: float
    source: str
    subject: str
    text: str


def collect(stacks: Sequence[str], since: float, *, steps: bool = False, memory: Memory | None = None) -> list[Event]:
    """Everything of these stacks and of the host since a time, oldest first.

    :param steps: every step of every deployment; else how each began and ended.
    """
    events = [
        *_incidents(stacks, memory or Memory()),
        *_maintenance(stacks),
        *_isolation(),
        *(event for stack in stacks for event in [*_journal(stack, steps=steps), *_backups(stack)]),
    ]
    return sorted((event for event in events if event.at >= since), key=lambda event: event.at)


def open_incidents(stacks: Sequence[str], memory: Memory | None = None) -> list[Incident]:
    """What is wrong now."""
    return [incident for incident in (memory or Memory()).open if incident.stack in ("", *stacks)]


def markdown(host: str, stacks: Sequence[str], since: float, events: Iterable[Event], opened: Iterable[Incident], now: float) -> str:
    """The page: what is known, what is open, and what is left to be written."""
    rows = [
        f"| {moment(event.at).removesuffix(' UTC')} | {event.source} | {_cell(event.subject)} | {_cell(event.text)} |" for event in events
    ]
    wrong = [
        f"- **{incident.severity}** {_cell(_subject(incident))} since {moment(incident.began)}: {_cell(incident.cause)}"
        for incident in opened
    ]
    lines = [
        f"# Incident on {host}",
        "",
        f"From {moment(since)} to {moment(now)} ({lasting(now - since)}); {', '.join(stacks) or 'no stack'}. All times are UTC.",
        "",
        "## Open now",
        "",
        *(wrong or ["Nothing that the watchdog knows of."]),
        "",
        "## Timeline",
        "",
        "| time | from | of | what |",
        "|---|---|---|---|",
        *(rows or ["| | | | nothing was written down in this time |"]),
        "",
        "## To be written",
        "",
        "- What users saw, from when to when:",
        "- How it was noticed, and by whom:",
        "- The cause, and what made it worse:",
        "- What helped, and what did not:",
        "- What is changed so that it does not come again, by whom and until when:",
    ]
    return "\n".join(lines)


def _cell(text: str) -> str:
    return line(text, LONGEST).replace("|", "\\|")


def _subject(incident: Incident) -> str:
    return f"{incident.stack}/{incident.subject}" if incident.stack else f"host {incident.subject}"


def _incidents(stacks: Sequence[str], memory: Memory) -> Iterator[Event]:
    for incident in [*memory.open, *memory.history]:
        if incident.stack not in ("", *stacks):
            continue
        subject = _subject(incident)
        yield Event(incident.began, "watchdog", subject, f"first sign: {incident.cause}")
        yield Event(incident.opened, "watchdog", subject, f"{incident.severity} incident opened, people were told")
        if incident.escalated is not None:
            yield Event(incident.escalated, "watchdog", subject, "worse: healing gave up" if incident.needs_human else "worse")
        for at, text in incident.done:
            yield Event(at, "watchdog", subject, text)
        if incident.affected:
            yield Event(incident.opened, "watchdog", subject, f"affects {', '.join(incident.affected)}")
        if incident.ended is not None:
            yield Event(incident.ended, "watchdog", subject, f"well again after {lasting(incident.ended - incident.began)}")


def _journal(stack: str, *, steps: bool) -> Iterator[Event]:
    begun: set[str] = set()
    for entry in Journal(stack).read(2 * LINES):
        kind, step, attempt = str(entry.get("kind") or "deploy"), str(entry.get("step", "")), str(entry.get("attempt", ""))
        exempt = bool(entry.get("exemption"))  # past an error budget: it stands before the beginning, and is no part of it
        first = exempt or attempt not in begun
        begun |= set() if exempt else {attempt}
        rollout = kind in ("deploy", "rollback", "scale")
        if "done" in entry or (rollout and not steps and not first and step not in ENDINGS):
            continue
        try:
            at = epoch(str(entry["at"]))
        except (KeyError, ValueError):
            continue
        yield Event(at, "deployment" if rollout else kind, _of(stack, entry), _words(kind, step, entry, rollout=rollout))


def _of(stack: str, entry: Mapping[str, Any]) -> str:
    return f"{stack}/{entry['service']}" if entry.get("service") else stack


def _words(kind: str, step: str, entry: Mapping[str, Any], *, rollout: bool) -> str:
    release = f" {entry['release']}" if rollout and entry.get("release") and entry["release"] not in step else ""
    reason = str(entry.get("reason") or "").splitlines()
    who = f" ({entry['who']})" if entry.get("who") else ""
    what = f"{kind}{release}: {step}" if rollout else step
    return what + (f": {reason[0]}" if reason else "") + who


def _maintenance(stacks: Sequence[str]) -> Iterator[Event]:
    for window in maintenance_windows.load():
        if window.scope.partition("/")[0] in ("host", *stacks):
            yield Event(window.since, "maintenance", window.scope, f"{window.describe()}, until {moment(window.until)}")


def _isolation() -> Iterator[Event]:
    if present := isolated.load():
        yield Event(present.since, "isolate", "host", present.describe())


def _backups(stack: str) -> Iterator[Event]:
    """The last run and the last proof: older ones are in the journal of the host."""
    if stack not in backup_settings.stacks():
        return
    noted = backup_state.read(stack)
    backup, proof = noted.get("backup") or {}, noted.get("verify") or {}
    if backup.get("ended"):
        text = f"backup {'done' if backup.get('ok') else 'FAILED'}" + (f", {size(int(backup['bytes']))}" if backup.get("bytes") else "")
        yield Event(float(backup["ended"]), "backup", stack, text + (f": {backup['error']}" if backup.get("error") else ""))
    if proof.get("at"):
        yield Event(float(proof["at"]), "backup", stack, "proof: restored" if proof.get("ok") else f"proof FAILED: {proof.get('error')}")
    if noted.get("restorable"):
        yield Event(float(noted["restorable"]), "backup", stack, "the last backup that was really restored")
    for name, target in sorted((noted.get("targets") or {}).items()):
        if target.get("since"):
            yield Event(float(target["since"]), "backup", f"{stack} {name}", f"target away: {target.get('error')}")
