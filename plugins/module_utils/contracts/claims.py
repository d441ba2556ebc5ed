# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a stack claims of a host for itself alone, and where the claims of two stacks contradict each other.

The controller compares the stacks of an inventory by it, a host those of a run with the ones that it has already.
"""

from __future__ import annotations

import ipaddress
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import combinations
from typing import Any

from ..compose.model import Compose
from ..compose.syntax import Port, is_external

_BRIDGE = "com.docker.network.bridge.name"


class Kind(Enum):
    """What is claimed."""

    DOMAIN = "domain"
    SERVER_BLOCK = "server block"
    PORT = "port"
    DIRECTORY = "directory"
    CONTAINER = "container"
    VOLUME = "volume"
    NETWORK = "network"
    SUBNET = "subnet"
    BRIDGE = "bridge"
    OPENING = "opening"
    REPOSITORY = "repository"


@dataclass(frozen=True)
class Claim:
    """One thing that a stack has for itself.

    :param value: what two claims of a kind are compared by.
    :param key: where it is declared.
    :param shown: the value as people write it.
    """

    kind: Kind
    value: Any
    key: str
    shown: str


@dataclass(frozen=True)
class Opening:
    """A port of the host that is opened: to these networks, or to everybody where there is none."""

    port: int
    protocol: str
    sources: frozenset[str]


@dataclass(frozen=True)
class Place:
    """Paths of a name, by the matches of nginx's locations; the name itself with all of its paths, where there is none."""

    domain: str
    matches: frozenset[str] = frozenset()


@dataclass(frozen=True)
class ServerBlock:
    """nginx's one server block of a name: the stack has what only it can say.

    :param root: that is the answer to whatever has no path of its own.
    """

    domain: str
    root: bool = False


def named(kind: Kind, value: str, key: str) -> Claim:
    """A claim to a name, a folder or an address that is compared as it is written."""
    return Claim(kind, value, key, value)


def opened(port: int, protocol: str, sources: Sequence[str], key: str) -> Claim:
    """A claim to whom a port of the host is open."""
    return Claim(Kind.OPENING, Opening(port, protocol, frozenset(sources)), key, f"{port}/{protocol}")


def location_matches(path: str, *, exact: bool = False) -> frozenset[str]:
    """The locations of nginx that a path has (template site.conf.j2 of role nginx): itself, and what is below it."""
    bare = path.rstrip("/")
    if exact:
        return frozenset({f"= {bare or '/'}"})
    return frozenset({f"= {bare}", f"{bare}/"} if bare else {"/"})


def place(domain: str, matches: frozenset[str], key: str, path: str = "/") -> Iterator[Claim]:
    """A claim to paths of a name; with the root comes its server block.

    :param path: as people write it.
    """
    shown = domain if path == "/" else f"{domain}{path}"
    yield Claim(Kind.DOMAIN, Place(domain, matches), key, shown)
    if "/" in matches:
        yield Claim(Kind.SERVER_BLOCK, ServerBlock(domain, root=True), key, shown)


def site_claims(site: Mapping[str, Any], keys: Mapping[str, str], otherwise: str = "routes") -> Iterator[Claim]:
    """What a site, as filter nginx_sites derives it, takes of its names.

    :param keys: where something is declared: by its path, by V(alias NAME), V(aliases), V(client_ca) and V(name), the name itself.
    :param otherwise: the key of what is not among these.
    """
    domain = str(site["domain"])
    places: dict[str, frozenset[str]] = {}
    for location in site.get("locations") or ():
        static = location.get("static") or {}
        served = [f"{path.rstrip('/')}/" for path in static.get("immutable") or ()] if static.get("directory") else []
        _add(places, location["path"], location_matches(location["path"]) | frozenset(served))
    for redirect in site.get("redirects") or ():
        _add(places, redirect["path"], location_matches(redirect["path"], exact=bool(redirect.get("exact"))))
    if not places:
        yield Claim(Kind.DOMAIN, Place(domain), keys.get("name", otherwise), domain)
    for path, matches in places.items():
        yield from place(domain, matches, keys.get(path, otherwise), path)
    aliases = [str(alias) for alias in site.get("aliases") or ()]
    for alias in aliases:
        yield Claim(Kind.DOMAIN, Place(alias), keys.get(f"alias {alias}", otherwise), alias)
    if "/" in places.get("/", ()):
        return  # claimed already
    if aliases:
        yield Claim(Kind.SERVER_BLOCK, ServerBlock(domain), keys.get("aliases", otherwise), ", ".join(aliases))
    if site.get("client_ca"):
        yield Claim(Kind.SERVER_BLOCK, ServerBlock(domain), keys.get("client_ca", otherwise), domain)


def _add(places: dict[str, frozenset[str]], path: str, matches: frozenset[str]) -> None:
    bare = path.rstrip("/") or "/"
    places[bare] = places.get(bare, frozenset()) | matches


def compose_claims(stack: str, compose: Compose) -> Iterator[Claim]:
    """What the Compose file of a stack takes: host ports, fixed names, and networks and volumes that it makes."""
    for service in compose.services.values():
        key = f"compose.services.{service.name}"
        if service.profiles:
            continue  # never started
        if service.container_name:
            yield named(Kind.CONTAINER, service.container_name, f"{key}.container_name")
        for port in service.ports:
            if port.fixed:
                yield Claim(Kind.PORT, port, f"{key}.ports", str(port))
    networks: dict[str, Any] = {"default": None, **_part(compose, "networks")}
    for name, spec in _part(compose, "volumes").items():
        yield from _made(Kind.VOLUME, stack, name, spec, f"compose.volumes.{name}")
    for name, spec in networks.items():
        key = f"compose.networks.{name}"
        yield from _made(Kind.NETWORK, stack, name, spec, key)
        if isinstance(spec, Mapping) and not is_external(spec):
            yield from _addresses(spec, key)


def _part(compose: Compose, name: str) -> Mapping[str, Any]:
    part = compose.resolved.get(name)
    return part if isinstance(part, Mapping) else {}


def _made(kind: Kind, stack: str, name: str, spec: object, key: str) -> Iterator[Claim]:
    """What Compose makes under its own name or a written one; what is external is somebody else's, and may be used by many."""
    if isinstance(spec, Mapping) and is_external(spec):
        return
    written = spec.get("name") if isinstance(spec, Mapping) else None
    yield named(kind, str(written or f"{stack}_{name}"), f"{key}.name" if written else key)


def _addresses(spec: Mapping[str, Any], key: str) -> Iterator[Claim]:
    """Subnets and the name of the bridge, where they are written."""
    ipam = spec.get("ipam")
    for index, config in enumerate((ipam.get("config") if isinstance(ipam, Mapping) else None) or ()):
        subnet = config.get("subnet") if isinstance(config, Mapping) else None
        try:
            network = ipaddress.ip_network(str(subnet), strict=False) if subnet else None
        except ValueError:
            continue  # what it is instead is Compose's to say
        if network:
            yield Claim(Kind.SUBNET, network, f"{key}.ipam.config[{index}].subnet", str(subnet))
    options = spec.get("driver_opts")
    if isinstance(options, Mapping) and options.get(_BRIDGE):
        yield named(Kind.BRIDGE, str(options[_BRIDGE]), f"{key}.driver_opts")


def _ports_clash(port: Port, other: Port) -> bool:
    """A host port exists once on an address."""
    if port.protocol != other.protocol or port.published is None or other.published is None:
        return False
    same_address = port.everywhere or other.everywhere or port.host_ip == other.host_ip
    return same_address and port.published[0] <= other.published[1] and other.published[0] <= port.published[1]


def overlap(folder: str, other: str) -> bool:
    """One of two folders is the other, or inside it."""
    return f"{folder}/".startswith(f"{other}/") or f"{other}/".startswith(f"{folder}/")


def _repositories_clash(repository: str, other: str) -> bool:
    """The same place; a folder inside the other's would be backed up and pruned with it."""
    return overlap(repository, other) if repository.startswith("/") else repository == other


def _openings_differ(opening: Opening, other: Opening) -> bool:
    """The firewall has no stacks: whoever one of them lets in reaches the port of the other."""
    return (opening.port, opening.protocol) == (other.port, other.protocol) and opening.sources != other.sources


def _places_clash(place: Place, other: Place) -> bool:
    """A path of a name is served once; so is a name that only follows another one, with all of its paths."""
    return place.domain == other.domain and (not place.matches or not other.matches or bool(place.matches & other.matches))


def _server_blocks_clash(block: ServerBlock, other: ServerBlock) -> bool:
    """Two that answer for all the rest are told of that path."""
    return block.domain == other.domain and not (block.root and other.root)


def _subnets_overlap(subnet: Any, other: Any) -> bool:
    return bool(subnet.version == other.version and subnet.overlaps(other))


_CLASHES: Mapping[Kind, Callable[[Any, Any], bool]] = {
    Kind.DOMAIN: _places_clash,
    Kind.SERVER_BLOCK: _server_blocks_clash,
    Kind.PORT: _ports_clash,
    Kind.DIRECTORY: overlap,
    Kind.SUBNET: _subnets_overlap,
    Kind.OPENING: _openings_differ,
    Kind.REPOSITORY: _repositories_clash,
}


def clashes(mine: Sequence[Claim], others: Sequence[Claim]) -> Iterator[tuple[Claim, Claim]]:
    """Each claim of one stack that contradicts one of another, with the first such; a pair of values once, wherever it is declared."""
    seen: set[tuple[Kind, Any, Any]] = set()
    by_kind: dict[Kind, list[Claim]] = {}
    for claim in others:
        by_kind.setdefault(claim.kind, []).append(claim)
    for claim in mine:
        compare: Callable[[Any, Any], bool] = _CLASHES.get(claim.kind, operator.eq)
        other = next((claimed for claimed in by_kind.get(claim.kind, ()) if compare(claim.value, claimed.value)), None)
        if other and (claim.kind, claim.value, other.value) not in seen:
            seen.add((claim.kind, claim.value, other.value))
            yield claim, other


def contradictions(stacks: Mapping[str, Sequence[Claim]]) -> Iterator[tuple[str, Claim, str, Claim]]:
    """Every contradiction between two of several stacks: the later stack and its claim, then the earlier one's."""
    for earlier, later in combinations(stacks, 2):
        for claim, other in clashes(stacks[later], stacks[earlier]):
            yield later, claim, earlier, other


_APART = "give one of the two another one"
_WORDS: Mapping[Kind, tuple[str, str]] = {
    Kind.DOMAIN: (
        "is served for {who} already ({key}: {value})",
        "a path of a name belongs to one stack, and so does a name that follows another (an alias): write another path or another name in"
        " one of the two, or declare both routes in the same stack",
    ),
    Kind.SERVER_BLOCK: (
        "stands in the server block of a name, which {who} needs as well ({key}: {value})",
        "aliases, certificates of clients (client_ca) and certificates of your own belong to one stack of a name, whose paths are served"
        " with those of all others: write them in the one that has the path /, or remove them here",
    ),
    Kind.PORT: (
        "takes a host port that {who} takes already ({key}: {value})",
        "publish it on another host port in one of the two (an exporter by exporter_port), or remove ports: and add a route",
    ),
    Kind.DIRECTORY: (
        "is the folder of {who}, or one of the two is inside the other ({key}: {value})",
        "write a folder of its own, such as /opt/NAME, or remove directory: which implies it",
    ),
    Kind.CONTAINER: (
        "is the name of a container of {who} too ({key})",
        "remove container_name: from one of the two; Compose then names it after its stack",
    ),
    Kind.VOLUME: (
        "is a volume that {who} makes too ({key})",
        "remove name: from one of the two; or, where both are to use one volume, write external: true in the one that does not make it",
    ),
    Kind.NETWORK: (
        "is a network that {who} makes too ({key})",
        "remove name: from one of the two; or, where both are to use one network, write external: true in the one that does not make it",
    ),
    Kind.SUBNET: ("overlaps {value} of {who} ({key})", "write another subnet, or remove ipam: Docker then picks a free one"),
    Kind.BRIDGE: ("is the bridge of {who} too ({key})", _APART),
    Kind.OPENING: (
        "is opened to others than by {who} ({key}), and the firewall knows no stacks",
        "write the same from: in both, or remove it from one of the two",
    ),
    Kind.REPOSITORY: (
        "is the backup repository of {who} too, or one of the two is inside the other ({key}: {value}), and its keys are others",
        "write a repository of its own for each stack, such as a folder of the stack's name",
    ),
}


def explain(claim: Claim, who: str, other: Claim) -> tuple[str, str]:
    """What is wrong with a claim, and what to write instead.

    :param who: the stack of the other claim, in words.
    """
    problem, fix = _WORDS[claim.kind]
    return problem.format(who=who, key=other.key, value=other.shown), fix
