# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Publication of what the watchdog knows: the status for opsctl and programs, and a page for people."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..contracts.watchdog_settings import ServiceSpec, StackSpec
from ..maintenance import windows as maintenance_windows
from ..maintenance.windows import Window
from ..monitoring.silences import Silence
from ..release.stacks import stacks
from .budgets import Budgeting
from .days import Days
from .failures import Failures
from .findings import Finding
from .healing import Healer
from .jobs import fresh_subject
from .judgement import Judgement
from .looks import Looks
from .memory import Memory
from .page.document import render
from .page.public import public
from .privileged_requests import RUN, STATUS
from .probes.freshness import Age
from .settings import Settings

PAGES = RUN / "page"
REWRITE = 10.0  # seconds between two writings while nothing changes
VERSION = "0.1.0"


@dataclass(frozen=True)
class Planned:
    """What is told to nobody now, since somebody has said so: by a window here, or by a silence in Alertmanager."""

    windows: list[Window]
    silences: list[Silence]


class Publication:
    """The status and the pages.

    :param busy: says who works on a stack.
    :param out: containers of a stack that were taken out of rotation, with reasons.
    :param failures: tolerate a file that cannot be written; the next writing is the next try.
    :param budgeting: knows what is left of error budgets.
    """

    def __init__(
        self,
        settings: Settings,
        host: str,
        days: Days,
        busy: Callable[[str], str],
        out: Callable[[str], Mapping[str, str]],
        failures: Failures,
        budgeting: Budgeting,
    ) -> None:
        self.settings = settings
        self.host = host
        self.days = days
        self.busy = busy
        self.out = out
        self.failures = failures
        self.budgeting = budgeting
        self.status: dict[str, Any] = {"well": False, "stacks": [], "incidents": [], "history": [], "at": 0}
        self.well = self.calm = False
        self._shown: dict[str, Any] = {}
        self._written = self._counted = self._saved = time.monotonic()
        self._domains = {stack["name"]: stack.get("domains", []) for stack in stacks()}

    def publish(
        self,
        looks: Looks,
        findings: Mapping[str, Finding],
        judgement: Judgement,
        healer: Healer,
        memory: Memory,
        planned: Planned,
        loop: Mapping[str, Any],
        alerts: Mapping[str, Any],
    ) -> None:
        """Bring the status up to date; written when something changed, and now and then."""
        now, wall, windows = time.monotonic(), time.time(), planned.windows
        states = {
            f"{stack.name}/{service.service}": _state(key, findings.get(key), judgement.subject(key).phase, windows)
            for stack in self.settings.stacks
            for service in stack.services
            for key in [f"{stack.name}/{service.service}"]
        }
        if not looks.blind:
            self.days.count(states, now - self._counted, wall)
        self._counted = now
        incidents = judgement.open_incidents()
        out = {stack.name: self.out(stack.name) for stack in self.settings.stacks}
        shown = {
            "states": states,
            "incidents": [
                (incident.id, incident.severity, len(incident.done), len(incident.affected), incident.silenced) for incident in incidents
            ],
            "maintenance": windows,
            "silences": planned.silences,
            "history": memory.history[:1],
            "alerts": alerts,
            "sites": [reading.ok for _at, reading in looks.sites.values()],
            "checks": [check.state for check in looks.checks],
            "jobs": [(state.job.name, state.running, state.last) for _seen, states in looks.jobs.values() for state in states],
            "ages": [age.ok for _seen, age in looks.ages.values()],
            "budgets": [(budgets.at, bool(budgets.error)) for budgets in self.budgeting.known.values()],
            "busy": [self.busy(stack.name) for stack in self.settings.stacks],
            "out": {name: sorted(entries) for name, entries in out.items()},
        }
        critical = [incident for incident in incidents if incident.severity == "critical"]
        self.well = not critical and not looks.blind
        # Whoever misses the watchdog is not to be called because of what somebody has silenced.
        self.calm = not looks.blind and all(incident.silenced for incident in critical)
        if shown == self._shown and now - self._written < REWRITE:
            return
        described = [self._stack(stack, looks, findings, judgement, healer, windows, out[stack.name]) for stack in self.settings.stacks]
        self.status = {
            "host": self.host,
            "at": wall,
            "version": VERSION,
            "well": self.well,
            "loop": dict(loop),
            "stacks": described,
            "host_checks": [
                {"name": check.name, "state": check.state, "reason": check.reason, "value": check.value} for check in looks.checks
            ],
            "incidents": [incident.as_dict() | {"silenced": incident.silenced} for incident in incidents],
            "history": [incident.as_dict() for incident in memory.history],
            "maintenance": [vars(window) for window in windows],
            "silences": [_silence(silence) for silence in planned.silences],
            "alerts": dict(alerts),
        }  # fmt: skip
        changed = shown != self._shown
        self._shown, self._written = shown, now
        with self.failures.tolerate("writing the status"):
            _write(STATUS, json.dumps(self.status), 0o640)
        if changed or now - self._saved > 30:
            self._saved = now
            with self.failures.tolerate("writing the status pages"):
                for stack in self.settings.stacks:
                    self._pages(stack)
            with self.failures.tolerate("saving the days"):
                self.days.save()

    def _stack(
        self,
        stack: StackSpec,
        looks: Looks,
        findings: Mapping[str, Finding],
        judgement: Judgement,
        healer: Healer,
        windows: list[Window],
        out: Mapping[str, str],
    ) -> dict[str, Any]:
        services = [self._service(stack, service, looks, findings, judgement, healer, windows, out) for service in stack.services]
        states = {service["state"] for service in services}
        state = "down" if "down" in states else "degraded" if states & {"degraded", "affected"} else "ok"
        if maintenance_windows.covering(windows, stack.name):
            state = "maintenance"
        sites = []
        for site in stack.sites:
            _at, reading = looks.sites.get(f"{stack.name}/site:{site.domain}", (0.0, None))
            if reading is not None:
                shown = {"state": "ok" if reading.ok else "down", "reason": reading.reason, "latency": round(reading.latency, 4)}
                sites.append({"domain": site.domain, **shown, "certificate_days": reading.days_left()})
        common = {
            "name": stack.name,
            "domains": self._domains.get(stack.name, []),
            "title": stack.status_page.title if stack.status_page else "",
        }
        described = {**common, "state": state, "busy": self.busy(stack.name), "services": services, "sites": sites}
        described["jobs"] = [job.as_dict() for job in looks.jobs.get(stack.name, (0.0, []))[1]]
        described["freshness"] = [
            {"name": spec.name, "state": "ok" if age.ok else "late", "at": age.at, "newest": spec.newest, "reason": age.reason}
            for spec in looks.watched_data(stack)
            for _began, age in [looks.ages.get(f"{stack.name}/{fresh_subject(spec.name)}", (0.0, Age()))]
            if age.at is not None or age.reason
        ]
        if budgets := self.budgeting.of(stack.name):
            described["budgets"] = budgets
        return described

    def _service(
        self,
        stack: StackSpec,
        spec: ServiceSpec,
        looks: Looks,
        findings: Mapping[str, Finding],
        judgement: Judgement,
        healer: Healer,
        windows: list[Window],
        out: Mapping[str, str],
    ) -> dict[str, Any]:
        key = f"{stack.name}/{spec.service}"
        finding, subject, record = findings.get(key), judgement.subject(key), healer.record(key)
        containers = {container.id: container.name for container in looks.serving(stack, spec)}
        probes = []
        for probe in spec.probes:
            readings = [seen[1] for (identity, name), seen in looks.readings.items() if name == probe.name and identity in containers]
            worst = next((reading for reading in readings if not reading.ok), None)
            if readings:
                latency = max(reading.latency for reading in readings)
                reason = worst.reason if worst else ""
                probes.append({"name": probe.name, "ok": worst is None, "latency": round(latency, 4), "reason": reason})
        return {
            "service": spec.service,
            "state": _state(key, finding, subject.phase, windows),
            "reason": finding.cause if finding else "",
            "replicas": spec.replicas,
            "healthy": finding.healthy if finding else 0,
            "out": [{"container": containers[identity], "reason": out[identity]} for identity in sorted(out) if identity in containers],
            "probes": probes,
            "heals": record.heals,
            "breaker": record.breaker_until is not None,
            "days": self.days.of(key),
        }

    def _pages(self, stack: StackSpec) -> None:
        folder = PAGES / stack.name
        folder.mkdir(parents=True, exist_ok=True)
        for path in (PAGES, folder):
            path.chmod(0o755)  # nginx's workers read it, whatever the umask of the daemon is
        _write(folder / "index.html", render(self.status, stack.name, self.budgeting.pictures(stack.name)), 0o644)
        shown = {name: self.status[name] for name in ("host", "at", "well")}
        shown["stacks"] = [_shown(description) for description in self.status["stacks"] if description["name"] == stack.name]
        mine = ("", stack.name)
        for name in ("incidents", "history"):
            shown[name] = [_public_incident(incident) for incident in self.status[name] if incident["stack"] in mine]
        _write(folder / "status.json", json.dumps(shown), 0o644)

    def purge(self) -> None:
        """Remove pages of stacks that are not watched any more."""
        for folder in PAGES.glob("*"):
            if self.settings.stack(folder.name) is None:
                shutil.rmtree(folder, ignore_errors=True)


def _state(key: str, finding: Finding | None, phase: str, windows: list[Window]) -> str:
    if maintenance_windows.covering(windows, key):
        return "maintenance"
    if finding is None:
        return "suspect"
    if finding.failing:
        if phase in ("ok", "suspect"):
            return "suspect"
        return "affected" if phase == "affected" else "degraded" if finding.healthy else "down"
    return finding.state


def _silence(silence: Silence) -> dict[str, Any]:
    return {
        "what": silence.describe(),
        "who": silence.who,
        "comment": silence.comment,
        "until": silence.until,
        "obscure": silence.obscure,
    }


def _shown(stack: Mapping[str, Any]) -> dict[str, Any]:
    """A stack as whoever sees the page may have it: without names of containers, and of sentences what is public."""
    services = [
        {key: service[key] for key in ("service", "state", "replicas", "healthy", "days")} | {"reason": public(service["reason"])}
        for service in stack["services"]
    ]
    sites = [site | {"reason": public(site["reason"])} for site in stack["sites"]]
    shown = {"name": stack["name"], "state": stack["state"], "services": services, "sites": sites}
    if stack.get("jobs"):
        shown["jobs"] = [
            {"job": job["job"], "state": job["state"], "success": job["success"], "next": job["next"]} for job in stack["jobs"]
        ]
    if stack.get("freshness"):
        shown["freshness"] = [{name: data[name] for name in ("name", "state", "at", "newest")} for data in stack["freshness"]]
    if budgets := stack.get("budgets"):
        # Not why nobody has answered: that names addresses.
        shown["budgets"] = {"at": budgets["at"], "known": not budgets["error"], "objectives": budgets["objectives"]}
    return shown


def _public_incident(incident: Mapping[str, Any]) -> dict[str, Any]:
    """An incident likewise."""
    kept: tuple[str, ...] = ("id", "stack", "subject", "severity", "began", "opened", "ended", "affected", "flapping", "needs_human")
    done = [[at, public(what)] for at, what in incident["done"]]
    return {key: incident[key] for key in kept} | {
        "cause": public(incident["cause"]),
        "done": done,
        "silenced": bool(incident.get("silenced")),
    }


def _write(path: Path, text: str, mode: int) -> None:
    """In memory (/run): a rename is enough, nothing needs to survive a power cut."""
    temporary = path.with_name(f".{path.name}")
    temporary.write_text(text)
    temporary.chmod(mode)
    temporary.rename(path)
