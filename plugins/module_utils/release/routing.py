# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Publication of a stack's routes to nginx: its site files and its upstream definitions, read back, compared and switched.

    /etc/latentum-ops/upstreams/<stack>.json     definitions, from which whoever follows Docker's events renders upstreams
    /etc/latentum-ops/upstreams/<stack>.kept.json  those that no route leads to any more, while a site of somebody else names them
    /etc/nginx/upstreams.d/<upstream>.conf       rendered from them and from the running containers
    /etc/nginx/sites.d/<site>.conf               what leads to them, or <site>.d/<stack>.* beside that of another stack (nginx/shared_sites)

Once a release holds routes, these files are the engine's. Role nginx brings the first ones to a fresh host, and what all sites share.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..contracts.routes import Routes
from ..contracts.upstreams import Upstream, upstreams_from
from ..core.atomic_files import read_text, understood
from ..hostconfig.entries import Change, Entry, compare
from ..hostconfig.transaction import ConfigSet, ConfigSetError, apply
from ..nginx import shared_sites, site_file, sync, traffic_plan
from ..nginx.writer import one_writer
from ..tls.certificates import Wanted
from ..tls.placeholder import ensure_placeholders
from .journal import Journal
from .store import Store


def upstreams_of(routes: Routes | None) -> tuple[Upstream, ...]:
    """The upstreams of routes, read; none of no routes."""
    return tuple(upstreams_from(routes.upstreams)) if routes else ()


def serves() -> bool:
    """Role nginx has been on this host: there is something to publish to."""
    return site_file.SITES.is_dir() and sync.RENDERED.is_dir()


def _definitions_path(stack: str) -> Path:
    return sync.CONFIGURATION / f"{stack}.json"


def _kept_path(stack: str) -> Path:
    return sync.CONFIGURATION / f"{stack}.kept.json"


@dataclass(frozen=True)
class Definitions:
    """The upstreams of a stack: those of its routes, and those that are kept for sites of somebody else."""

    upstreams: tuple[Upstream, ...] = ()
    kept: tuple[Upstream, ...] = ()

    def settled(self) -> Definitions:
        """Without the ports of another release."""
        return Definitions(*(tuple(replace(upstream, ports={}) for upstream in those) for those in (self.upstreams, self.kept)))

    def entries(self, stack: str) -> list[Entry]:
        """Their files; that of the routes is byte for byte as role nginx writes it."""
        return [_definitions(_definitions_path(stack), self.upstreams), _definitions(_kept_path(stack), self.kept)]


def _definitions(path: Path, upstreams: Sequence[Upstream]) -> Entry:
    if not upstreams:
        return Entry(path=path, state="absent")
    return Entry(path=path, content=(json.dumps([upstream.to_dict() for upstream in upstreams], indent=4, sort_keys=True) + "\n").encode())


def _read(path: Path) -> tuple[Upstream, ...]:
    with understood(path):
        return Definitions(tuple(upstreams_from(json.loads(read_text(path) or "[]")))).settled().upstreams


def kept(stack: str) -> tuple[Upstream, ...]:
    """The upstreams that are kept now."""
    return _read(_kept_path(stack))


def _sites(stack: str, routes: Routes, gone: Collection[str]) -> list[Entry]:
    return shared_sites.of_stack(stack, {**routes.sites, **dict.fromkeys(sorted(set(gone) - set(routes.sites)))})


def published(stack: str, sites: Collection[str]) -> Routes | None:
    """What nginx serves of a stack now; None without nginx, or before anything was published.

    :param sites: names of the sites that may be the stack's; those that are not there are left out.
    """
    if not serves():
        return None
    upstreams = _read(_definitions_path(stack))
    contents = shared_sites.contents(stack, sorted(sites))
    return Routes(tuple(upstream.to_dict() for upstream in upstreams), contents) if upstreams or contents else None


def same_structure(routes: Routes, other: Routes) -> bool:
    """The same names and paths lead to the same services; how nginx is told so (headers, limits, a newer template) may differ."""
    return (
        upstreams_of(routes) == upstreams_of(other)
        and routes.sites.keys() == other.sites.keys()
        and all(site_file.read(content) == site_file.read(other.sites[name]) for name, content in routes.sites.items())
    )


def differences(stack: str, routes: Routes, gone: Collection[str]) -> list[Change]:
    """What would have to be published; the ports that a rollout adds to definitions do not count.

    :param gone: names of sites that are the stack's no more.
    :raises ConfigSetError: another stack of the host needs the server block of one of these sites as well.
    """
    entries = _sites(stack, routes, gone)
    if _read(_definitions_path(stack)) != upstreams_of(routes):
        entries.insert(0, _definitions(_definitions_path(stack), upstreams_of(routes)))
    return [change for entry in entries if (change := compare(entry))]


def define(stack: str, definitions: Definitions) -> None:
    """Write the definitions; what is rendered follows at the next synchronisation."""
    with one_writer():
        apply(ConfigSet(f"upstreams-{stack}", definitions.entries(stack), parents=True))


def switch(
    source: sync.ContainerSource,
    stack: str,
    routes: Routes,
    definitions: Definitions,
    gone: Collection[str],
    traffic: Mapping[str, traffic_plan.Traffic | None],
) -> bool:
    """Have nginx serve these routes: sites, upstreams and who gets traffic change in one reload. Returns whether it took one.

    The upstreams are written before the sites that name them, and what is not needed any more stays until the end of the rollout:
    an nginx that starts at any moment finds a configuration that it can serve.

    :param definitions: of these routes, with the ports of the other release.
    :raises ConfigSetError: nginx refuses them; it goes on with the old ones, whose site files are back.
    """
    with one_writer():
        sites = [site_file.read(content) for content in routes.sites.values()]
        ensure_placeholders([Wanted(site.certificate, site.names) for site in sites if site.certificate])
        before = traffic_plan.load(stack)
        traffic_plan.put(stack, traffic)
        rendered = ConfigSet("upstreams", sync.plan(source, [*definitions.upstreams, *definitions.kept]), parents=True)
        led = ConfigSet(
            f"routes-{stack}",
            [*definitions.entries(stack), *_sites(stack, routes, gone)],
            validate=[sync.NGINX_TEST],
            activate=[sync.NGINX_RELOAD],
            activate_unit="nginx.service",
            parents=True,
        )
        changes = [*apply(rendered, check_mode=True).changes, *apply(led, check_mode=True).changes]
        if not changes:
            return sync.take_over_pending()
        sync.PENDING.touch()
        try:
            apply(rendered)
            if not apply(led).changes:
                sync.take_over()
        except ConfigSetError:
            traffic_plan.put(stack, {**dict.fromkeys(traffic), **{name: before[name] for name in traffic if name in before}})
            raise
        sync.PENDING.unlink(missing_ok=True)
        return True


def finish(stack: str, definitions: Definitions, retired: Sequence[Upstream]) -> None:
    """The rollout is over: definitions without the ports of the other release, and no file of an upstream that nobody names.

    :param retired: upstreams of the other release.
    """
    named = {upstream.name for upstream in (*definitions.upstreams, *definitions.kept)}
    unused = [sync.path_of(upstream) for upstream in retired if upstream.name not in named]
    with one_writer():
        entries = [*definitions.settled().entries(stack), *(Entry(path=path, state="absent") for path in unused)]
        apply(ConfigSet(f"upstreams-{stack}", entries, parents=True))


def held_back(wanted: Sequence[Upstream]) -> dict[str, dict[str, object]]:
    """The stacks among those of these upstreams for which what is published stays, because only a rollout may change it.

    :returns: stack to ``definitions``, the content of its file, and ``sites``, name to content.
    """
    held: dict[str, dict[str, object]] = {}
    for stack in sorted({upstream.project for upstream in wanted if upstream.project}):
        live, underway = Store(stack).live(), Journal(stack).underway()
        declared = tuple(upstream for upstream in wanted if upstream.project == stack)
        if live is None or live.routes is None or (upstreams_of(live.routes) == declared and underway is None):
            continue
        target = Store(stack).load(underway.target) if underway else live
        names = [*live.routes.sites, *(target.routes.sites if target.routes else ())]
        there = published(stack, names) or Routes()
        held[stack] = {"definitions": read_text(_definitions_path(stack)) or "[]", "sites": dict(there.sites)}
    return held
