# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rerouting of a stack: from the routes of one release to those of another while the containers of both run.

A container answers at the port, and for the paths, of its own release. So until nginx is switched, the upstreams of the old routes
name new containers at their new port, and afterwards those of the new routes name old containers at their old one. A service whose
paths change (a split, a merger, a path that moves) has no moment at which both versions could serve: all its new containers wait
until the one reload that switches paths and containers together.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

from ..contracts.upstreams import Upstream
from ..hostconfig.entries import Change
from ..nginx import site_file
from ..release import routing
from ..release.pinning import definition_of
from ..release.store import Release
from .plan import REPLACE, ServicePlan

Location = tuple[str, str]  # domain and match


@dataclass(frozen=True)
class Backend:
    """Where a location leads."""

    service: str
    port: int


class Routing:
    """What the routes of one release say; nothing where it has none."""

    def __init__(self, release: Release | None) -> None:
        self.release = release
        routes = release.routes if release else None
        self.upstreams = routing.upstreams_of(routes)
        self.sites = dict(routes.sites) if routes else {}
        backends = {upstream.name: Backend(upstream.service, upstream.port) for upstream in self.upstreams if upstream.port}
        files = {name: site_file.read(content) for name, content in self.sites.items()}
        self.names: dict[Location, str] = {(site, match): name for site, file in files.items() for match, name in file.locations.items()}
        self.backends: dict[Location, Backend] = {where: backends[name] for where, name in self.names.items() if name in backends}
        self.services = {backend.service for backend in backends.values()}

    def locations(self, service: str) -> set[Location]:
        """What a service answers for."""
        return {where for where, backend in self.backends.items() if backend.service == service}

    def definition(self, service: str) -> str:
        """The label of the containers of a service that are of this release; empty when it has none."""
        return definition_of(self.release, service)

    def port(self, service: str, locations: Iterable[Location], like: int) -> int | None:
        """The port at which a service answers for these locations; where it does not, the one that is named, or any of its own."""
        at = [self.backends[where].port for where in locations if where in self.backends and self.backends[where].service == service]
        own = [upstream.port for upstream in self.upstreams if upstream.service == service and upstream.port]
        return next(iter(at or [port for port in own if port == like] or own), None)


@dataclass(frozen=True)
class Rerouting:
    """From the routes of a release to those of another one.

    :param before: whose routes nginx has; None for a first release.
    :param after: whose it is to have. Without routes of its own it is served by those that are there.
    """

    before: Release | None
    after: Release

    @cached_property
    def old(self) -> Routing:
        """What the routes say that nginx has."""
        return Routing(self.before)

    @cached_property
    def new(self) -> Routing:
        """What those say that it is to have."""
        return Routing(self.after)

    @property
    def gone(self) -> set[str]:
        """Sites that the stack has no more."""
        return set(self.old.sites) - set(self.new.sites)

    @property
    def needed(self) -> bool:
        """nginx is to be switched, or a run that was killed may not have come to the end of it.

        :raises ConfigSetError: it cannot be, since another stack of the host has the server block of a name.
        """
        if self.after.routes is None or not routing.serves():
            return False
        changes = self.changes()  # first: what cannot be published is refused before anything is begun
        return self.before is None or self.before.routes != self.after.routes or bool(changes)

    def changes(self) -> list[Change]:
        """The files that would have to be published; none where nginx has these routes already, or there is no nginx."""
        if self.after.routes is None or not routing.serves():
            return []
        return routing.differences(self.after.stack, self.after.routes, self.gone)

    def definitions(self, *, switched: bool) -> routing.Definitions:
        """The upstreams of the old routes, or after the switch of the new ones, each with the ports of the other release."""
        mine, other = (self.new, self.old) if switched else (self.old, self.new)
        kept = self._kept() if switched else routing.kept(self.after.stack)
        upstreams, kept = (
            tuple(replace(upstream, ports=self._ports(upstream, mine, other)) for upstream in those) for those in (mine.upstreams, kept)
        )
        return routing.Definitions(upstreams, kept)

    def _kept(self) -> tuple[Upstream, ...]:
        """Upstreams that the new routes lack, while a site by hand names them: they lead to what answers for the same locations now."""
        elsewhere = site_file.named_upstreams({*self.old.sites, *self.new.sites})
        names = {upstream.name for upstream in self.new.upstreams}
        kept = {}
        for upstream in (*routing.kept(self.after.stack), *self.old.upstreams):
            if upstream.name in names or upstream.name not in elsewhere:
                continue
            led = [where for where, name in self.old.names.items() if name == upstream.name]
            backend = next((self.new.backends[where] for where in led if where in self.new.backends), None)
            port = self.new.port(upstream.service, led, upstream.port or 0)
            if backend or port:
                kept[upstream.name] = replace(
                    upstream, service=backend.service if backend else upstream.service, port=backend.port if backend else port
                )
        return tuple(kept.values())

    def _ports(self, upstream: Upstream, mine: Routing, other: Routing) -> dict[str, int]:
        definition = other.definition(upstream.service)
        if not upstream.port or not definition or definition == mine.definition(upstream.service):
            return {}
        led = [where for where, name in mine.names.items() if name == upstream.name]
        there = other.port(upstream.service, led, upstream.port)
        return {} if there in (None, upstream.port) else {definition: there}

    def finish(self) -> None:
        """The rollout is over: nothing of the old routes is left in the files."""
        if self.after.routes is not None and routing.serves():
            routing.finish(self.after.stack, self.definitions(switched=True), (*self.old.upstreams, *routing.kept(self.after.stack)))

    def together(self, plans: Iterable[ServicePlan]) -> list[ServicePlan]:
        """The services that must be switched in the very reload that switches the routes: those whose locations change with them.

        One that is recreated is down meanwhile, and never beside its old containers.
        """
        return [
            plan
            for plan in plans
            if plan.action == REPLACE
            and plan.policy.strategy != "recreate"
            and self.old.locations(plan.service) != self.new.locations(plan.service)
        ]

    def moved(self) -> list[str]:
        """The services that clients reach in another way than before."""

        def ways(routes: Routing, service: str) -> set[tuple[Location, Backend]]:
            return {(where, backend) for where, backend in routes.backends.items() if backend.service == service}

        return sorted(service for service in self.new.services if ways(self.old, service) != ways(self.new, service))

    def sentences(self) -> list[str]:
        """What changes for clients, for a person."""
        changes = [f"site {name}: removed" for name in sorted(self.gone)]
        for site in self.new.sites:
            before = {match: backend for (name, match), backend in self.old.backends.items() if name == site}
            after = {match: backend for (name, match), backend in self.new.backends.items() if name == site}
            if site not in self.old.sites:
                changes.append(f"site {site}: new")
            for match in sorted(before.keys() | after.keys()):
                if match.endswith("/") or match + "/" not in before.keys() | after.keys():  # /api stands for both of its locations
                    changes += _sentence(f"route {site}{match}", before.get(match), after.get(match))
            if before == after and site in self.old.sites and self.old.sites[site] != self.new.sites[site]:
                changes.append(f"site {site}: settings differ")
        return changes


def _sentence(what: str, before: Backend | None, after: Backend | None) -> list[str]:
    if before == after:
        return []
    shown = [f"{backend.service}:{backend.port}" if backend else "nobody" for backend in (before, after)]
    return [f"{what}: {shown[0]} -> {shown[1]}"]
