# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of jobs: they can run, when they are to, where they are to, and nobody waits for one that waits for him."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from ...compose.plain_secrets import looks_secret
from ...schema.nodes import HIDDEN, Problem, instead, shown
from ..model import Declaration
from ..watchdog.freshness import check_freshness
from .model import jobs_of, needs

ZONE_WORD = re.compile(r"(?:UTC|GMT|Z|[A-Z][A-Za-z]+/[A-Za-z0-9_/+-]+)")


def check_jobs(declaration: Declaration, problems: list[Problem]) -> None:
    """What needs no Compose file."""
    for name, job in jobs_of(declaration).items():
        key = f"jobs.{name}"
        problems.extend(_times(key, job))
        problems.extend(_values(key, job))
        problems.extend(_deploys(declaration, key, job))
        if job["host"] and job["hosts"] == "all":
            problems.append(
                Problem(
                    f"{key}.host", shown(job["host"]), "stands beside hosts: all, with which each host runs it", "remove one of the two"
                )
            )
        if job["notify"] == "success" and not any("info" in alert["severities"] for alert in declaration.watchdog.alerts):
            fix = "add severities: [critical, warning, info] to one of watchdog.alerts, or remove notify"
            problems.append(Problem(f"{key}.notify", shown("success"), "reaches nobody: no alert has the severity info", fix))


def _deploys(declaration: Declaration, key: str, job: Mapping[str, Any]) -> Iterator[Problem]:
    known = declaration.fact("models", ())
    for index, name in enumerate(job["deploys"]):
        if name and name not in known:
            yield Problem(f"{key}.deploys[{index}]", shown(name), "is no declared model", instead(name, known, "model"))
    if job["deploys"] and job["once"]:
        what = "is of no use for a job that runs before there is a release"
        yield Problem(f"{key}.deploys", "", what, "remove it: the first release takes what the alias of the model is")


def _times(key: str, job: Mapping[str, Any]) -> Iterator[Problem]:
    schedule = job["schedule"]
    if not schedule:
        for name in ("jitter", "time_zone"):
            if job[name]:
                yield Problem(
                    f"{key}.{name}", shown(job[name]), "is of no use without schedule", "remove it, or add schedule: '*-*-* 23:00:00'"
                )
        return
    zone = schedule.split()[-1]
    if job["time_zone"] and ZONE_WORD.fullmatch(zone):
        what = f"stands beside {zone} in schedule"
        yield Problem(f"{key}.time_zone", shown(job["time_zone"]), what, "remove one of the two")
    if job["once"]:
        what = "runs it again and again, and once runs it once"
        yield Problem(f"{key}.schedule", shown(schedule), what, "remove one of the two; another job may have the same service and command")


def _values(key: str, job: Mapping[str, Any]) -> Iterator[Problem]:
    """Nothing secret where everybody on the host reads it."""
    for name, value in job["environment"].items():
        if looks_secret(name, value):
            fix = f"declare a secret, and give it to the service as a file, or with environment: {{{job['service'] or 'service'}: {name}}}"
            yield Problem(f"{key}.environment.{name}", HIDDEN, "looks like a secret, and docker inspect shows it", fix)
    for index, word in enumerate(job["command"]):
        name, sign, value = word.lstrip("-").partition("=")
        if looks_secret(name if sign else "", value if sign else word):
            fix = "let the program read it from a file: the secrets of the service are mounted"
            yield Problem(f"{key}.command[{index}]", HIDDEN, "looks like a secret, and each list of processes shows it", fix)


def check_containers(declaration: Declaration, problems: list[Problem]) -> None:
    """What the Compose file says to it."""
    for name, job in jobs_of(declaration).items():
        key, service = f"jobs.{name}", job["service"]
        if job["fresh"]:
            check_freshness(declaration, f"{key}.fresh", job["fresh"], problems)
        if not service:
            continue  # reported already
        if lacking := declaration.compose.lacking(service, "runs in"):
            problems.append(Problem(f"{key}.service", shown(service), *lacking))
            continue
        problems.extend(_own_command(declaration, key, job))
        problems.extend(_waiting(declaration, key, job))


def _own_command(declaration: Declaration, key: str, job: Mapping[str, Any]) -> Iterator[Problem]:
    """Without a command of its own, it does what the service does anyway."""
    service = declaration.compose.services[job["service"]]
    if job["command"]:
        return
    if service.name in declaration.clusters:
        what = f"is needed: that of {service.name} would start a second server on the files of its database"
        yield Problem(f"{key}.command", "nothing", what, "write what the job does, such as [psql, --file, /jobs/report.sql]")
    elif declaration.expect(service) == "completed" and declaration.replicas(service):
        what = f"is run to its end by each release already (services.{service.name}.expect: completed)"
        fix = f"write services: {{{service.name}: {{replicas: 0}}}}, so that the job alone runs it, or give the job a command of its own"
        yield Problem(f"{key}.service", shown(service.name), what, fix)
    elif declaration.stays(service) and not job["schedule"] and not job["once"] and not job["required_by"]:
        what = f"is needed: that of {service.name} is to stay up, and a job ends"
        yield Problem(f"{key}.command", "nothing", what, "write what the job does, such as [python, -m, train]")


def _waiting(declaration: Declaration, key: str, job: Mapping[str, Any]) -> Iterator[Problem]:
    needed = needs(declaration, job["service"])
    for index, name in enumerate(job["required_by"]):
        place = f"{key}.required_by[{index}]"
        if not name:
            continue
        if name in job["required_by"][:index]:
            yield Problem(place, shown(name), "stands in it twice", "remove one of the two")
        elif lacking := declaration.compose.lacking(name, "names"):
            yield Problem(place, shown(name), *lacking)
        elif name in needed:
            what = f"is what the job waits for: {job['service']} depends on {name}, and {name} would wait for the job"
            yield Problem(place, shown(name), what, f"remove it, or remove {name} from depends_on of {job['service']}")
        elif not declaration.replicas(declaration.compose.services[name]):
            what = "has no container (replicas: 0), so nothing waits"
            yield Problem(place, shown(name), what, "remove it")


def job_hosts_problems(declaration: Declaration, hosts: Collection[str]) -> list[Problem]:
    """Hosts that jobs name and the inventory lacks.

    :param hosts: all of the inventory.
    """
    return [
        Problem(f"jobs.{name}.host", shown(job["host"]), "is no host of the inventory", instead(job["host"], hosts, "host"))
        for name, job in jobs_of(declaration).items()
        if job["host"] and job["host"] not in hosts
    ]
