# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Over to a new network while the services of both releases run, and what of the surroundings cannot be changed under them.

Before the first service is touched the new network is made, and every container that is in the old one joins it: whoever starts there
reaches whoever is there, and the other way round. A container that is replaced leaves the old network with that.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import product
from typing import Any

from ..compose.cli import Compose
from ..containers import network_names
from ..containers.client import Engine
from ..contracts.update_safety import Unsafe
from ..core.process import CommandError
from ..release import uses
from ..release.store import Release
from ..schema.nodes import shown
from .host_actions import Site
from .plan import REPLACE, ServicePlan

BRIDGE = "com.docker.network.bridge.name"


def join(site: Site, compose: Compose, before: Release | None, after: Release) -> None:
    """Make the networks that are others now, and put the containers of the old ones into them."""
    moved = _beside(before, after) if before else _of_others(site.engine, after)
    if not moved:
        return
    site.step("; ".join(f"network {name}: {old} -> {new}" for name, (old, new) in moved.items()))
    image = next(iter(after.images.values()))
    compose.make_networks({name: uses.network(after.project, name) for name in moved}, image)
    for container in site.engine.containers(site.stack):
        spec = (before or after).project["services"].get(container.service) or {}
        known = {name for name, _address in container.addresses}
        for name, (old, new) in moved.items():
            if old in known and new not in known:
                site.engine.connect(container, new, _aliases(spec, name))


def rejoin(site: Site, compose: Compose, failed: Release, before: Release) -> None:
    """Back to the networks of a release from before: what is still of the failed one is there for those that come back one by one.

    A take-back goes on without it: some requests between services are lost then.
    """
    try:
        join(site, compose, failed, before)
    except (CommandError, OSError) as error:
        site.progress.say(f"the networks could not be joined again: {error}")


def _of_others(engine: Engine, first: Release) -> dict[str, tuple[str, str]]:
    """Networks of somebody else beside which a first release has its own, as `_beside`."""
    names = {name: uses.real_name(first.stack, first.project, name) for name in sorted(uses.all_networks(first))}
    beside = {name: real for name, real in names.items() if network_names.generation(real)}
    there = engine.networks(first.stack) if beside else {}
    return {name: (old, real) for name, real in beside.items() if (old := network_names.first(real)) in there}


def _beside(before: Release, after: Release) -> dict[str, tuple[str, str]]:
    """Networks that are others now and stand beside the old ones: name in the Compose file to the names for Docker before and after."""
    moved = uses.moved_networks(before, after)
    return {name: names for name, names in moved.items() if not _obstacle(before, after, name)}


def _aliases(spec: Mapping[str, Any], network: str) -> list[str]:
    joined = spec.get("networks")
    given = joined.get(network) if isinstance(joined, Mapping) else None
    return list((given or {}).get("aliases") or [])


def leave(site: Site, failed: Release, before: Release | None) -> None:
    """After a take-back: the containers that stay have nothing to do with the networks of the release that failed.

    :param before: None of a first release, beside what somebody has started by hand.
    """
    moved = list((uses.moved_networks(before, failed) if before else _of_others(site.engine, failed)).values())
    if not moved:
        return
    for container in site.engine.containers(site.stack):
        names = {name for name, _address in container.addresses}
        for old, new in moved:
            if {old, new} <= names:
                site.engine.disconnect(container, new)
    site.sync()  # where the address of the new network came first
    if before:
        sweep(site.engine, before)


def clear(site: Site, failed: Release, before: Release) -> None:
    """Before services come back that were down for a network: without the one that was made in its place."""
    for name in in_place(before, failed):
        if any(uses_one(failed, service, [name]) for service in site.underway.down):
            known = {identity for ids in site.underway.old.values() for identity in ids}
            site.stop(
                [
                    container
                    for container in site.engine.containers(site.stack)
                    if uses_one(failed, container.service, [name]) and container.id not in known
                ]
            )
            site.engine.remove_network(uses.real_name(failed.stack, failed.project, name))


def sweep(engine: Engine, live: Release) -> None:
    """Remove what other releases called the networks of this one; a network that somebody is in stays until the next time."""
    wanted = {uses.real_name(live.stack, live.project, name): name for name in uses.all_networks(live)}
    with suppress(OSError):
        for real, name in engine.networks(live.stack).items():
            if real not in wanted and name in wanted.values():
                engine.remove_network(real)


def in_place(before: Release | None, after: Release) -> dict[str, str]:
    """Networks that change and cannot stand beside the old ones: name in the Compose file to the old one's for Docker."""
    names = sorted(uses.all_networks(before) & uses.all_networks(after)) if before else []
    return {name: uses.real_name(before.stack, before.project, name) for name in names if before and _obstacle(before, after, name)}


def uses_one(release: Release, service: str, networks: Collection[str]) -> bool:
    """Whether a service is in one of these networks."""
    return bool(set(uses.networks_of(release.project["services"].get(service) or {})) & set(networks))


def unsafe(before: Release | None, after: Release, plans: Iterable[ServicePlan]) -> Iterator[Unsafe]:
    """What of the surroundings of two releases cannot be changed while the services run; nothing where both are the same."""
    if before is None:
        return
    rolling = [plan.service for plan in plans if plan.action == REPLACE and plan.policy.strategy != "recreate"]
    for name in in_place(before, after):
        key, value, what, fix = _obstacle(before, after, name) or ("", "", "", "")
        if others := [service for service in rolling if uses_one(after, service, [name]) or uses_one(before, service, [name])]:
            way = f"or write update.strategy: recreate for {', '.join(others)}, with the time that all services of this network are down"
            yield Unsafe("", f"compose.networks.{name}.{key}", value, f"{what}: this is downtime", f"{fix}, {way}")
    for name in sorted({*(before.project.get("volumes") or {})} & {*(after.project.get("volumes") or {})}):
        known = (uses.resolved(release, "volumes", name) for release in (before, after))
        old, new = ({key: volume.get(key) for key in ("driver", "driver_opts", "name", "external")} for volume in known)
        if old != new and old["name"] == new["name"] and bool(old["external"]) == bool(new["external"]) and not new["external"]:
            what = "has other options than the volume that holds the data, and Docker cannot change those"
            fix = f"take the change back, or give the volume another name ({name}2), which is empty at first, and move the data"
            yield Unsafe("", f"compose.volumes.{name}", shown(new["driver_opts"] or new["driver"] or "local"), what, fix)


def _obstacle(before: Release, after: Release, name: str) -> tuple[str, str, str, str] | None:
    """Why a network cannot stand beside the one that it replaces: key, value, what is wrong, what to write. None where it can."""
    old, new = uses.resolved(before, "networks", name), uses.resolved(after, "networks", name)
    if old == new or uses.external(new):
        return None
    if uses.real_name(before.stack, before.project, name) == uses.real_name(after.stack, after.project, name):
        what = "stays while the network changes, which has to be removed under its containers"
        return "name", shown(new.get("name")), what, "write another name, or none"
    for there, wanted in product(_subnets(old), _subnets(new)):
        if there.version == wanted.version and there.overlaps(wanted):
            return "ipam", shown(str(wanted)), f"overlaps {there} of the network that it replaces", "choose another subnet"
    bridge = (new.get("driver_opts") or {}).get(BRIDGE)
    if bridge and bridge == (old.get("driver_opts") or {}).get(BRIDGE):
        return "driver_opts", shown(bridge), "names the interface of the network that it replaces", "choose another name"
    return None


def _subnets(network: Mapping[str, Any]) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    subnets = []
    for pool in (network.get("ipam") or {}).get("config") or []:
        try:
            subnets.append(ipaddress.ip_network(str(pool.get("subnet")), strict=False))
        except ValueError:
            continue  # a variable, or nothing that Compose would take
    return subnets
