# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cron jobs and timers of others: none is changed, but some work against what roles bring about."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from ..finding import Finding, Given, Verdict
from ..survey.jobs import Job, within

_PRUNE = re.compile(r"\bdocker\s+(?:system|image|volume|container|builder)\s+prune\b|\bdocker\s+rmi?\b|\bdocker\s+volume\s+rm\b")
_VOLUMES = re.compile(r"--volumes\b|\bvolume\s+(?:prune|rm)\b")
_ENGINE = re.compile(r"\b(?:systemctl|service)\b.*\b(?:re)?(?:start|stop)\b.*\bdocker\b|\bservice\s+docker\s+(?:re)?(?:start|stop)\b")
_NGINX = re.compile(r"\b(?:systemctl\s+(?:restart|stop)\s+nginx|service\s+nginx\s+(?:restart|stop)|nginx\s+-s\s+(?:stop|quit))\b")
_COMPOSE = re.compile(r"\bdocker(?:\s+compose|-compose)\b")
_COMPOSE_RUN = re.compile(r"\bdocker(?:\s+compose|-compose)\b.*\s(?:run|exec)\s")
_FIREWALL = re.compile(
    r"\biptables\b.*\s-[FX]\b|\biptables-restore\b(?!.*(?:--test|-n\b|--noflush))|\bufw\b.*\b(?:reset|disable)\b|\bnft\s+flush\b"
)
_UPDATES = re.compile(r"\bapt(?:-get)?\b.*\b(?:dist-upgrade|full-upgrade|upgrade)\b")
Check = Callable[[Given, Job], "Finding | None"]


def judge(given: Given) -> Iterator[Finding]:
    """Jobs that touch what roles look after; others are left out."""
    for job in given.survey.jobs:
        folders = [stack.directory for stack in given.stacks if stack.directory]
        touches = [
            path for path in job.paths if within(path, [*folders, "/etc/nginx", "/etc/letsencrypt", "/var/lib/docker", "/etc/docker"])
        ]
        if not job.topics and not touches and not _UPDATES.search(job.command):
            continue
        yield next((finding for check in CHECKS if (finding := check(given, job))), _base(job))


def _base(job: Job) -> Finding:
    where = f"{job.source}:{job.line}" if job.line else job.source
    return Finding("job", job.command, f"{where}, {job.schedule}, as {job.user}" if job.schedule else where)


def _against_compose(given: Given, job: Job) -> Finding | None:
    """Compose on the folder or the project of a stack, past its releases."""
    if not _COMPOSE.search(job.command):
        return None
    for stack in given.stacks:
        named = re.search(rf"(?:-p|--project-name)[\s=]+{re.escape(stack.name)}\b", job.command)
        if named or (stack.directory and stack.directory in job.command):
            if _COMPOSE_RUN.search(job.command):
                effect = f"runs in {stack.name} past its releases, also beside a run that takes long, and nobody is told when it fails"
                fix = "declare it in ops_stack.jobs, which runs it in the live release, and remove it"
                return _base(job).judged(Verdict.CONFLICT, "jobs", effect, job.source, fix)
            effect = f"works on {stack.name} past its releases: what it starts is replaced, or fights with a rollout"
            return _base(job).judged(Verdict.CONFLICT, "stack", effect, job.source, "remove it: `opsctl deploy` does the same")
    return None


def _prunes(given: Given, job: Job) -> Finding | None:
    if given.role("stack") is None or not _PRUNE.search(job.command):
        return None
    what = "volumes that no container uses at that moment, and images" if _VOLUMES.search(job.command) else "images"
    effect = f"removes {what} of releases to roll back to"
    verdict = Verdict.CONFLICT if _VOLUMES.search(job.command) else Verdict.REPORTED
    return _base(job).judged(
        verdict, "stack", effect, job.source, "remove it: the disk guard of role log_rotation removes what nobody needs"
    )


def _stops(given: Given, job: Job) -> Finding | None:
    """nginx or the engine, stopped or restarted by the clock: requests are lost."""
    if given.role("nginx") is not None and _NGINX.search(job.command):
        effect = "stops nginx, and all sites with it"
        return _base(job).judged(Verdict.CONFLICT, "nginx", effect, job.source, "`systemctl reload nginx`, or nothing: renewals reload it")
    if given.role("docker") is not None and _ENGINE.search(job.command):
        return _base(job).judged(Verdict.REPORTED, "docker", "restarts the engine", job.source, "remove it; the watchdog heals containers")
    return None


def _firewall(given: Given, job: Job) -> Finding | None:
    if given.role("firewall") is None or not _FIREWALL.search(job.command):
        return None
    effect = "undoes the firewall's policy until the next run"
    return _base(job).judged(Verdict.CONFLICT, "firewall", effect, job.source, "remove it, with what it opens in firewall_extra_rules")


def _renews(given: Given, job: Job) -> Finding | None:
    if given.role("certbot") is None or "certificates" not in job.topics or not re.search(r"\bcertbot\b|\bletsencrypt\b", job.command):
        return None
    return _base(job).judged(Verdict.STAYS, "certbot", "renews by certbot.timer as well; both do no harm")


def _upgrades(given: Given, job: Job) -> Finding | None:
    if given.role("auto_updates") is None or not _UPDATES.search(job.command):
        return None
    effect = "upgrades the engine too, which role auto_updates holds back: its containers restart"
    return _base(job).judged(Verdict.REPORTED, "auto_updates", effect, job.source, "remove it, or `apt-mark hold` the engine's packages")


CHECKS: tuple[Check, ...] = (_against_compose, _prunes, _stops, _firewall, _renews, _upgrades)
