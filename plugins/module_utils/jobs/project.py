# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The project of a release as a job uses it: all of it as it is, but for the one service whose container the job runs in."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from ..containers.client import DEFINITION, USES
from ..contracts.job_settings import Job
from ..release.store import Release

LABEL = "com.latentum.ops.job"  # the name of the job: its container is nobody's replica
# What is there for a container that stays and is found: ports and addresses that exist once, restarts, looks at its health.
_STAYING = ("ports", "expose", "container_name", "scale", "profiles", "depends_on", "mac_address", "post_start", "pre_stop", "develop")
_ADDRESSES = ("ipv4_address", "ipv6_address", "link_local_ips", "mac_address", "aliases")


def container_name(stack: str, job: str) -> str:
    """The container of a job: Docker lets no two have one name."""
    return f"{stack}-job-{job}"


def project(release: Release, job: Job) -> dict[str, Any]:
    """A project that C(docker compose run) takes.

    :raises KeyError: the release has no such service.
    """
    whole = copy.deepcopy(release.project)
    service = whole["services"][job.service]
    for key in _STAYING:
        service.pop(key, None)
    service["restart"] = "no"
    service["healthcheck"] = {"disable": True}
    service["labels"] = _labels(service.get("labels"), job.name)
    if isinstance(service.get("networks"), Mapping):
        service["networks"] = {name: _network(options) for name, options in service["networks"].items()}
    if job.environment:
        service["environment"] = _environment(service.get("environment"), job.environment)
    _limits(service, job)
    return whole


def _labels(given: Any, job: str) -> dict[str, Any]:
    if isinstance(given, list):
        given = dict(str(label).partition("=")[::2] for label in given)
    return {name: value for name, value in (given or {}).items() if name not in (DEFINITION, USES)} | {LABEL: job}


def _network(options: Any) -> Any:
    """A network without what only one container of the service can have in it."""
    return {name: value for name, value in options.items() if name not in _ADDRESSES} if isinstance(options, Mapping) else options


def _environment(given: Any, more: Mapping[str, str]) -> Any:
    """Variables of the job win. What an operator wrote there is no expression of Compose."""
    literal = {name: value.replace("$", "$$") for name, value in more.items()}
    if isinstance(given, list):
        kept = [line for line in given if str(line).partition("=")[0] not in literal]
        return [*kept, *(f"{name}={value}" for name, value in literal.items())]
    return {**(given or {}), **literal}


def _limits(service: dict[str, Any], job: Job) -> None:
    """Limits of the job in place of those of the service; how many containers that has, and when they start again, is nothing of a job."""
    deploy = {
        name: value for name, value in (service.pop("deploy", None) or {}).items() if name not in ("replicas", "restart_policy", "mode")
    }
    resources = dict(deploy.get("resources") or {})
    limits = dict(resources.get("limits") or {})
    reservations = dict(resources.get("reservations") or {})
    if job.memory or job.cpus:
        # All by one kind of key: Compose takes one by the one and another by the other for a contradiction.
        for name, key in (("memory", "mem_limit"), ("cpus", "cpus"), ("pids", "pids_limit")):
            if (value := limits.pop(name, None)) is not None:
                service[key] = value
    if job.memory:
        reservations.pop("memory", None)  # one that is more than the limit is refused
        for name in ("memswap_limit", "mem_reservation"):
            service.pop(name, None)
        service["mem_limit"] = job.memory
    if job.cpus:
        service["cpus"] = job.cpus
    for name, value in (("limits", limits), ("reservations", reservations)):
        resources.pop(name, None)
        if value:
            resources[name] = value
    deploy.pop("resources", None)
    if resources:
        deploy["resources"] = resources
    if deploy:
        service["deploy"] = deploy
