# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Limits and confinement of a service's containers, where the Compose file says nothing of them.

Every container has a limit of processes, so that a fork bomb in one ends with it and not with the host. Dropped capabilities and a root
that cannot be written are never given unasked: an entrypoint that changes its user, or an image that writes beside its volumes, does not
start with them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ...contracts import process_limit
from ...contracts.process_limit import deployed_limits

# Each limit by the two names that Compose has for it: of the service, and below deploy.resources.limits.
NAMES = {"pids": process_limit.KEY, "memory": "mem_limit", "cpus": "cpus"}
# Other keys of Compose that say the same.
_ALSO = {"cpus": ("cpu_quota",)}


@dataclass(frozen=True)
class Limits:
    """Most that a container may take; None for what is not declared.

    :param pids: processes and threads; 0 for no limit.
    """

    pids: int | None = None
    memory: str | None = None
    cpus: float | None = None


@dataclass(frozen=True)
class Confinement:
    """What a container may not do.

    :param capabilities: those that it keeps; None for those that the engine gives.
    :param tmpfs: folders in memory, which may be written where the root may not.
    """

    capabilities: tuple[str, ...] | None = None
    read_only: bool = False
    tmpfs: tuple[str, ...] = ()


def confine(service: dict[str, Any], judged: Mapping[str, Any], limits: Limits, confinement: Confinement) -> None:
    """Write what is declared into a service of the project, and the limit of processes that every one has.

    :param judged: the service with its variables resolved.
    """
    pids = process_limit.DEFAULT if limits.pids is None else limits.pids or None
    wanted: dict[str, Any] = {"pids": pids, "memory": limits.memory, "cpus": limits.cpus}
    for name, value in wanted.items():
        if value is not None and not limited(judged, name):
            _limit(service, name, value)
    if confinement.capabilities is not None:
        service["cap_drop"] = ["ALL"]
        if confinement.capabilities:
            service["cap_add"] = list(confinement.capabilities)
    if confinement.read_only:
        service["read_only"] = True
    if confinement.tmpfs:
        service["tmpfs"] = list(confinement.tmpfs)


def limited(judged: Mapping[str, Any], limit: str) -> str:
    """The key by which a Compose file sets a limit itself; empty where it does not."""
    within = deployed_limits(judged)
    if within.get(limit) is not None:
        return f"deploy.resources.limits.{limit}"
    return next((key for key in (NAMES[limit], *_ALSO.get(limit, ())) if judged.get(key) is not None), "")


def said_twice(judged: Mapping[str, Any], limits: Limits, confinement: Confinement) -> Iterator[tuple[str, str]]:
    """What is declared though the Compose file says it: the key of the declaration, and that of the Compose file."""
    for name in NAMES:
        if getattr(limits, name) is not None and (key := limited(judged, name)):
            yield f"limits.{name}", key
    declared = {
        "capabilities": (confinement.capabilities is not None, ("cap_drop", "cap_add", "privileged")),
        "read_only": (confinement.read_only, ("read_only",)),
        "tmpfs": (bool(confinement.tmpfs), ("tmpfs",)),
    }
    for name, (given, keys) in declared.items():
        if given and (key := next((key for key in keys if judged.get(key)), "")):
            yield f"confinement.{name}", key


def _limit(service: dict[str, Any], name: str, value: Any) -> None:
    """Beside the other limits: Compose refuses some of them by one kind of key and some by the other as a contradiction."""
    if deployed_limits(service):
        deploy = dict(service["deploy"])
        resources = dict(deploy["resources"])
        deploy["resources"] = {**resources, "limits": {**resources["limits"], name: str(value) if name == "cpus" else value}}
        service["deploy"] = deploy
    else:
        service[NAMES[name]] = value
