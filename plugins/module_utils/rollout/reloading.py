# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that a service reads again at a signal: changed in place, and its containers told, which go on."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from ..contracts.carried_files import Reload, reloads_of
from ..contracts.rollout_policy import Policy, policies_from
from ..release import carried
from ..release.store import Release
from . import standby
from .host_actions import Site


def sentences(release: Release) -> list[str]:
    """What would be changed in place, for a person."""
    return [
        f"{item.service}: {Path(item.path).name} is read again ({item.signal})"
        for item in reloads_of(release.project)
        if carried.differs(item) or carried.untold(item)
    ]


def bring(site: Site, release: Release) -> list[Reload]:
    """The files of a release in their places, before anything is started that reads them; those that somebody must be told of."""
    reloads = reloads_of(release.project)
    changed = dict.fromkeys(item.service for item in reloads if carried.differs(item))
    if changed:
        site.step(f"files that {', '.join(changed)} reads again")
    return [item for item in reloads if carried.bring(item)]


def tell(site: Site, release: Release, reloads: Sequence[Reload], started: Collection[str]) -> None:
    """Signal the containers, which must stay healthy.

    :param started: services whose containers have begun with these files.
    :raises RolloutFailed: they do not.
    """
    policies = policies_from(release.policies)
    for item in reloads:
        if item.service not in started:
            kept = standby.ids(site.stack)
            containers = [container for container in site.of(item.service) if container.state == "running" and container.id not in kept]
            site.step(f"signal {item.signal} to {len(containers)}", service=item.service)
            for container in containers:
                site.engine.signal(container, item.signal)
            policy = policies.get(item.service) or Policy(item.service)
            site.healthy(release, item.service, containers, policy.healthy_timeout, policy.min_healthy)
        carried.settled(item)
