# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Other stacks of the host: what a stack of this run claims must not be theirs.

The stacks of one inventory are compared on the controller. Here those of other runs are: what their live releases, nginx, the firewall
and the backups have of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..compose import model as compose_model
from ..contracts.claims import Claim, Kind, ServerBlock, clashes, compose_claims, explain, named, opened, site_claims
from ..core.atomic_files import read_text
from ..firewall.sharing import PART
from ..hostconfig import shares
from ..nginx import ownership, shared_sites
from ..release.store import Store
from ..schema.nodes import Problem, shown
from ..tls import certificates
from .host import Host

BACKUPS = Path("/etc/latentum-ops/backup")


def claimed(_host: Host, wanted: Mapping[str, Mapping[str, Any]]) -> Iterator[Problem]:
    """One finding for each thing that another stack of the host has already."""
    given = wanted["stack"]
    name = given.get("name") or ""
    others = sorted(shares.on_host() - {name, *(given.get("stacks") or [])})
    if not name or not others:
        return
    own = list(_wanted(name, given))
    sites = ownership.owned()
    for other in others:
        there = list(_there(other, sites.get(other, ownership.Owned())))
        for claim, theirs in clashes(own, there):
            problem, fix = explain(claim, f"the stack {other} of this host", theirs)
            gone = f"; where {other} is not wanted any more: playbook remove_stack with -e ops_stack_name={other}"
            yield Problem(claim.key, shown(claim.shown), problem, fix + gone)


def _wanted(name: str, given: Mapping[str, Any]) -> Iterator[Claim]:
    """What this run's stack claims."""
    yield named(Kind.DIRECTORY, str(given.get("directory") or f"/opt/{name}"), "directory")
    for site in given.get("sites") or ():
        yield from site_claims(site, {})
    for domain in given.get("own_certificates") or ():
        yield Claim(Kind.SERVER_BLOCK, ServerBlock(str(domain)), "certificates", str(domain))
    yield from _openings(given.get("openings") or (), "firewall")
    for index, target in enumerate(given.get("targets") or ()):
        yield named(Kind.REPOSITORY, str(target["repository"]), f"backups.targets[{index}].repository")
    yield from _compose(name, given["project"], given.get("environment") or {})


def _compose(name: str, project: Mapping[str, Any], environment: Mapping[str, Any]) -> Iterator[Claim]:
    variables = {"COMPOSE_PROJECT_NAME": name, **{key: str(value) for key, value in environment.items()}}
    return compose_claims(name, compose_model.parse(project, variables, []))


def _openings(rules: Any, key: str) -> Iterator[Claim]:
    """Whom ports are open to; a recorded rule has one source, a declared one all of them."""
    sources: dict[tuple[str, str], set[str]] = {}
    for rule in rules:
        port = str(rule.get("port"))
        if port.isdigit() and rule.get("direction", "in") == "in":
            networks = {str(network) for network in rule.get("from") or ()} - {"any"}
            sources.setdefault((port, str(rule.get("protocol"))), set()).update(networks)
    for (port, protocol), networks in sources.items():
        yield opened(int(port), protocol, sorted(networks), key)


def _there(stack: str, nginx: ownership.Owned) -> Iterator[Claim]:
    """What a stack of the host has."""
    live = Store(stack).live()
    if live:
        yield named(Kind.DIRECTORY, live.directory, "directory")
        yield from _compose(stack, live.project, live.environment)
    for path in nginx.sites:
        site = shared_sites.described(path, stack)
        yield from site_claims(site, {}, str(path))
        if certificates.owner_of(site["domain"]) == stack:
            yield Claim(Kind.SERVER_BLOCK, ServerBlock(site["domain"]), str(path), site["domain"])
    share = shares.recorded(PART).get(stack) or {}
    yield from _openings(share.get("rules") or (), str(shares.path_of(stack, PART)))
    settings = json.loads(read_text(BACKUPS / f"{stack}.json") or "{}")
    for target in settings.get("targets") or ():
        yield named(Kind.REPOSITORY, str(target["repository"]), str(BACKUPS / f"{stack}.json"))
