# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers of a release held back from their host before the first of them starts: its networks are there, and the rules know them.

Where role firewall does not hold containers back, Compose makes the networks as ever.
"""

from __future__ import annotations

from ..compose.cli import Compose
from ..contracts.container_access import access_of
from ..core.process import CommandError
from ..firewall import containment
from ..release import uses
from ..release.store import Release
from .host_actions import Site


def begin(site: Site, compose: Compose, release: Release) -> None:
    """:raises CommandError, OSError, ValueError: the rules are not in force; no container of the release runs yet."""
    access = access_of(release.project)
    if not containment.kept():
        if limited := [item.name for item in access if item.egress]:
            site.progress.say(
                f"egress of {', '.join(limited)} is not held back on this host: role firewall does it, with firewall_containers"
            )
        return
    there = set(site.engine.networks(site.stack).values())
    missing = [name for name in sorted(uses.all_networks(release) - there) if not uses.external(uses.network(release.project, name))]
    image = next(iter(release.images.values()), "")
    if missing and image:
        site.step(f"network {', '.join(missing)}, and what its containers may reach of this host")
        compose.make_networks({name: uses.network(release.project, name) for name in missing}, image)
    for name in declare(site.stack, release):
        if any(there.name == name for item in access for there in item.egress):
            site.progress.say(f"DNS has no address for {name} now: until it has, containers do not reach it")


def declare(stack: str, release: Release | None) -> list[str]:
    """What the release says of its networks, into force; None for a stack without any.

    :returns: names in the declaration of any stack that DNS gives no address for now.
    :raises CommandError, OSError, ValueError: it could not be.
    """
    containment.keep_access(stack, access_of(release.project) if release else None)
    return containment.refresh(stack)


def settle(site: Site, live: Release | None) -> None:
    """After networks were made anew, or a release was taken back; what fails is said, and the next run of role firewall brings it about."""
    try:
        declare(site.stack, live)
    except (CommandError, OSError, ValueError) as error:
        site.progress.say(f"what containers may reach of this host could not be brought into force: {error}")
