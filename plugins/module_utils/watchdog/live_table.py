# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Table of what the watchdog knows, for a terminal: `opsctl status` ends with it, `opsctl incidents` is it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..core.format import columns
from ..core.masking import line
from ..core.times import lasting, moment
from ..status.marks import BAD, GOOD
from .overall import overall, shown_subject
from .page.calendar import percent, uptime

FINE = ("ok", "starting", "suspect", "maintenance")  # states of a service that ask nothing of anybody
SHOWN = 20  # ended incidents
LONGEST = 300  # characters of a sentence that may hold the output of a program
Status = Mapping[str, Any]


def table(status: Status) -> str:
    """All that is known now as aligned text; what needs attention begins with two exclamation marks."""
    at = float(status.get("at", 0))
    sum_up = overall(status)
    loop = status.get("loop", {})
    ran = f", running for {lasting(float(loop['uptime']))}" if "uptime" in loop else ""
    lines = [
        f"{GOOD if sum_up.level in ('ok', 'maintenance', 'none') else BAD} watchdog: {sum_up.sentence}",
        f"written {moment(at)}{ran}",
    ]
    for part in (
        _open(status),
        *(_stack(stack) for stack in status.get("stacks", [])),
        _host(status),
        _maintenance(status),
        _silences(status),
        _alerts(status),
    ):
        lines += part
    return "\n".join(text.rstrip() for text in lines)


def incidents_table(status: Status) -> str:
    """The open incidents in full, and the last ones that ended, each with its cause and what was done."""
    at = float(status.get("at", 0))
    opened, ended = status.get("incidents", []), status.get("history", [])
    lines = [f"{len(opened)} open" if opened else "nothing is open"]
    for incident in opened:
        lines += ["", *_incident(incident, at)]
    if ended:
        shown = f"the last {SHOWN} of {len(ended)} that ended" if len(ended) > SHOWN else f"{len(ended)} ended"
        lines += ["", shown]
    for incident in ended[:SHOWN]:
        lines += ["", *_incident(incident, at)]
    return "\n".join(lines)


def _open(status: Status) -> list[str]:
    at, lines = float(status.get("at", 0)), []
    for incident in status.get("incidents", []):
        human = "; healing gave up, a human is needed" if incident.get("needs_human") else ""
        since = lasting(at - float(incident["began"]))
        lines.append(f"{BAD} {_named(incident)}: {incident['severity']} for {since}{human}: {_words(incident['cause'])}")
        if incident.get("silenced"):
            lines.append(f"   silenced {_words(incident['silenced'])}")
        if incident.get("affected"):
            lines.append(f"   affects {', '.join(map(line, incident['affected']))}")
    return ["", "incidents; more: opsctl incidents", *lines] if lines else []


def _stack(stack: Status) -> list[str]:
    rows = [["", "service", "state", "healthy", "uptime", "healed"]]
    for service in stack.get("services", []):
        share = uptime(service.get("days", []))
        up = "no data" if share is None else percent(share)
        healed = f"{service.get('heals', 0)}" + (", gave up" if service.get("breaker") else "")
        rows.append(
            [_mark(service), line(service["service"]), line(service["state"]), f"{service['healthy']}/{service['replicas']}", up, healed]
        )
    lines = ["", f"watched of {line(stack['name'])}"]
    if stack.get("busy"):
        lines.append(f"healing waits: {line(stack['busy'])}")
    return [*lines, *columns(rows), *_troubles(stack), *_sites(stack), *_jobs(stack), *_ages(stack), *_budgets(stack)]


def _troubles(stack: Status) -> Iterator[str]:
    for service in stack.get("services", []):
        name = line(service["service"])
        if service["state"] not in ("ok", "maintenance") and service.get("reason"):
            yield f"{_mark(service)} {name}: {_words(service['reason'])}"
        for probe in service.get("probes", []):
            if not probe["ok"]:
                yield f"{BAD} {name}: probe {line(probe['name'])} fails after {float(probe['latency']):.3f} s: {_words(probe['reason'])}"
        for out in service.get("out", []):
            yield f"{BAD} {name}: {line(out['container'])} is out of rotation: {_words(out['reason'])}"


def _sites(stack: Status) -> list[str]:
    rows = []
    for site in stack.get("sites", []):
        days = site.get("certificate_days")
        until = "no certificate" if days is None else f"certificate {days} days"
        latency = f"{float(site['latency']) * 1000:.0f} ms" if site.get("latency") is not None else ""
        mark = GOOD if site["state"] == "ok" else BAD
        rows.append([mark, line(site["domain"]), line(site["state"]), latency, until, _words(site.get("reason", ""))])
    return ["", *columns(rows)] if rows else []


def _jobs(stack: Status) -> list[str]:
    """Only what is wrong: the first part of `opsctl status` shows the rest."""
    lines = [f"{BAD} job {line(job['job'])}: {_words(job['trouble'])}" for job in stack.get("jobs", []) if job["trouble"]]
    return ["", *lines] if lines else []


def _ages(stack: Status) -> list[str]:
    rows = []
    for age in stack.get("freshness", []):
        limit = f"at most {lasting(float(age['newest']))}"
        newest = f"of {moment(float(age['at']))}" if age["at"] else "not known"
        rows.append([GOOD if age["state"] == "ok" else BAD, line(age["name"]), newest, limit, _words(age["reason"])])
    return ["", *columns(rows)] if rows else []


def _budgets(stack: Status) -> list[str]:
    """Only what is not as usual: `opsctl slo` shows the rest."""
    budgets = stack.get("budgets")
    if not budgets:
        return []
    lines = [
        f"{BAD} {line(entry['objective'])}: {entry['remaining']:.1%} of the error budget left"
        for entry in budgets["objectives"]
        if entry["state"] in ("canary", "refuse")
    ]
    lines += [f"{BAD} error budgets: {_words(budgets['error'])}"] if budgets["error"] else []
    return ["", *lines] if lines else []


def _host(status: Status) -> list[str]:
    """Only what is not ok: the first part of `opsctl status` shows the rest."""
    lines = [
        f"{BAD} {line(check['name'])}: {line(check['state'])}: {_words(check.get('reason') or check.get('value', ''))}"
        for check in status.get("host_checks", [])
        if check["state"] != "ok"
    ]
    return ["", *lines] if lines else []


def _maintenance(status: Status) -> list[str]:
    rows = [
        [line(window["scope"]), f"until {moment(float(window['until']))}", f"by {line(window['who'])}", _words(window["reason"])]
        for window in status.get("maintenance", [])
    ]
    return ["", "maintenance, so no alarms and no healing", *columns(rows)] if rows else []


def _silences(status: Status) -> list[str]:
    rows = [
        [line(silence["what"]), f"until {moment(float(silence['until']))}", f"by {line(silence['who'])}", _words(silence["comment"])]
        for silence in status.get("silences", [])
        if not silence["obscure"]
    ]
    lines = ["", "silences of Alertmanager: nobody is told of what they cover, healing goes on", *columns(rows)] if rows else []
    obscure = [silence for silence in status.get("silences", []) if silence["obscure"]]
    for silence in obscure:
        lines.append(f"{BAD} the silence {_words(silence['what'])} of Alertmanager silences nothing here: {_words(silence['obscure'])}")
    return lines


def _alerts(status: Status) -> list[str]:
    alerts = status.get("alerts", {})
    lines = [f"{BAD} alerts by {line(name)} fail: {_words(why)}" for name, why in sorted(alerts.get("failed", {}).items())]
    waiting = int(alerts.get("waiting", 0))
    if waiting:
        lines.append(f"{BAD if lines else GOOD} {waiting} message{'' if waiting == 1 else 's'} to people wait{'s' if waiting == 1 else ''}")
    return ["", *lines] if lines else []


def _incident(incident: Status, at: float) -> Sequence[str]:
    """One incident in full; `at` in epoch seconds, for how long an open one lasts."""
    began, ended = float(incident["began"]), incident.get("ended")
    lasted = lasting((at if ended is None else float(ended)) - began)
    marks = ["a human was needed" if ended else "a human is needed"] if incident.get("needs_human") else []
    marks += ["flapping"] if incident.get("flapping") else []
    marks += ["silenced"] if ended is None and incident.get("silenced") else []
    head = f"{moment(began)}  {_named(incident)}  {line(incident['severity'])}  {'for' if ended else 'open for'} {lasted}"
    lines = [f"{BAD if ended is None else GOOD} {head}" + "".join(f"  {mark}" for mark in marks), f"   cause: {_words(incident['cause'])}"]
    if incident.get("affected"):
        lines.append(f"   affected: {', '.join(map(line, incident['affected']))}")
    return [*lines, *(f"   {moment(float(done_at))}  {_words(what)}" for done_at, what in incident.get("done", []))]


def _named(incident: Status) -> str:
    return line(f"{incident['stack'] or 'host'}/{shown_subject(incident)}")


def _mark(service: Status) -> str:
    return GOOD if service["state"] in FINE and not service.get("breaker") else BAD


def _words(words: object) -> str:
    return line(words, LONGEST)
