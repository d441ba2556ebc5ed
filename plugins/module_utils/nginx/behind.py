# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""nginx behind a proxy that is there already (variable ``nginx_behind``): where it listens, and whom it believes.

Read in one pass with every problem, and turned into what the roles need of it: addresses of ``listen``, the networks of
``set_real_ip_from``, openings of the firewall, addresses that are never banned, and where the watchdog asks.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from ..contracts.watchdog_settings import FrontSpec
from ..schema.nodes import Problem, Refused, instead, shown
from .sync import MAINTENANCE

VARIABLE = "nginx_behind"
FLAGS = ("proxy_protocol", "tls", "challenges", "trust_anyone")
KEYS = ("listen", "trusted", *FLAGS)
EXAMPLE = "{listen: [127.0.0.1:8080], trusted: [127.0.0.1]}"
# Networks from this size on are no proxy any more, by IP version.
WIDEST = {4: 8, 6: 16}
_NUMBER = re.compile(r"[0-9]{1,5}")
EVERYWHERE = {4: "0.0.0.0", 6: "[::]"}  # noqa: S104 - as nginx writes all addresses of a version of IP
_HOST = ("127.0.0.0/8", "::1/128")  # from where programs of this host connect to loopback

Network: TypeAlias = "ipaddress.IPv4Network | ipaddress.IPv6Network"


@dataclass(frozen=True)
class Address:
    """An address and a TCP port of this host."""

    host: ipaddress.IPv4Address | ipaddress.IPv6Address
    port: int

    def __str__(self) -> str:
        """As nginx writes it: IPv6 in brackets."""
        return f"[{self.host}]:{self.port}" if self.host.version == 6 else f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Behind:
    """What ``nginx_behind`` says.

    :param trusted: who may connect, and is believed about the client.
    :param challenges: the proxy passes ``/.well-known/acme-challenge/`` on to here.
    """

    listen: tuple[Address, ...] = ()
    trusted: tuple[Network, ...] = ()
    proxy_protocol: bool = False
    tls: bool = False
    challenges: bool = False
    trust_anyone: bool = False

    @property
    def peers(self) -> dict[str, str]:
        """Networks that may connect, ``proxy`` or ``host``: this host asks for itself, and is believed nothing about others.

        Of two networks the narrower one counts (ngx_http_geo_module); so the host has no entry inside one of the proxy's.
        """
        own = [ipaddress.ip_network(network) for network in _HOST]
        own += [
            ipaddress.ip_network(address.host) for address in self.listen if not (address.host.is_loopback or address.host.is_unspecified)
        ]
        hosts = {written(network): "host" for network in own if not any(_inside(network, trusted) for trusted in self.trusted)}
        return {**hosts, **{written(network): "proxy" for network in self.trusted}}

    @property
    def rules(self) -> list[dict[str, Any]]:
        """Openings of the firewall, for the proxy alone; loopback needs none."""
        ports = dict.fromkeys(address.port for address in self.listen if not address.host.is_loopback)
        sources = [network for network in self.trusted if not network.is_loopback]
        if not sources:
            return []
        everybody = any(network.prefixlen == 0 for network in sources)
        networks = [] if everybody else [written(network) for network in sources]
        return [{"action": "allow", "port": port, "protocol": "tcp", "from": networks, "comment": "proxy in front"} for port in ports]

    @property
    def never_banned(self) -> list[str]:
        """The proxy: a ban of it is a ban of everybody."""
        return [written(network) for network in self.trusted if network.prefixlen >= WIDEST[network.version]]

    @property
    def front(self) -> FrontSpec:
        """Where a program of this host asks for a site: loopback where nginx listens there."""
        nearest = min(self.listen, key=lambda address: (not address.host.is_loopback, not address.host.is_unspecified))
        loopback = "127.0.0.1" if nearest.host.version == 4 else "::1"
        host = loopback if nearest.host.is_unspecified else str(nearest.host)
        return FrontSpec(host, nearest.port, self.tls, self.proxy_protocol)

    def as_dict(self) -> dict[str, Any]:
        """Plain data for the roles."""
        return {
            "listen": [str(address) for address in self.listen],
            "trusted": [written(network) for network in self.trusted],
            **{name: getattr(self, name) for name in FLAGS},
            "peers": self.peers,
            "rules": self.rules,
            "never_banned": self.never_banned,
            "front": self.front.to_dict(),
        }


def written(network: Network) -> str:
    """A network as people write it: without its length where it is one address."""
    return str(network.network_address) if network.prefixlen == network.max_prefixlen else str(network)


def _inside(network: Network, other: Network) -> bool:
    return network.version == other.version and network.subnet_of(other)  # type: ignore[arg-type]  # of one version


def read(raw: object) -> tuple[Behind | None, list[Problem]]:
    """What is declared, and everything that is wrong with it; None where nothing is declared or where it is wrong."""
    problems: list[Problem] = []
    if raw is None or (isinstance(raw, (Mapping, list, str)) and not raw):
        return None, problems
    if not isinstance(raw, Mapping):
        problems.append(Problem(VARIABLE, shown(raw), "is no mapping", f"write {VARIABLE}: {EXAMPLE}"))
        return None, problems
    for name in raw:
        if name not in KEYS:
            problems.append(Problem(f"{VARIABLE}.{name}", "", "is not a known key", instead(str(name), KEYS, "such key")))
    flags = {name: _flag(name, raw.get(name, False), problems) for name in FLAGS}
    listen = tuple(_listen(_entries("listen", raw.get("listen"), problems), problems))
    trusted = tuple(_trusted(_entries("trusted", raw.get("trusted"), problems), flags["trust_anyone"], problems))
    behind = Behind(listen, trusted, **flags)
    if not problems:
        problems += _contradictions(behind)
    return (None if problems else behind), problems


def _flag(name: str, value: object, problems: list[Problem]) -> bool:
    if isinstance(value, bool):
        return value
    problems.append(Problem(f"{VARIABLE}.{name}", shown(value), "is neither true nor false", f"write {name}: true, or remove it"))
    return False


_EMPTY = {
    "listen": ("says nowhere to listen", "write the addresses that the proxy sends to, such as listen: [127.0.0.1:8080]"),
    "trusted": ("lets nobody connect", "write the addresses that the proxy comes from, such as trusted: [127.0.0.1] for one on this host"),
}


def _entries(name: str, value: object, problems: list[Problem]) -> Iterator[tuple[str, str]]:
    """Each entry of a list with its key."""
    if isinstance(value, (list, tuple)) and value:
        yield from ((f"{VARIABLE}.{name}[{index}]", str(entry)) for index, entry in enumerate(value))
    elif isinstance(value, (list, tuple)) or value is None:
        problems.append(Problem(f"{VARIABLE}.{name}", "", *_EMPTY[name]))
    else:
        problems.append(Problem(f"{VARIABLE}.{name}", shown(value), "is no list", f"write {name}: [{value}]"))


def _listen(entries: Iterable[tuple[str, str]], problems: list[Problem]) -> Iterator[Address]:
    seen: dict[str, str] = {}
    for key, text in entries:
        try:
            address = _address(text)
            other = seen.setdefault(str(address), key)
            if other != key:
                raise Refused(f"is the same as {other}", "remove one of the two")
        except Refused as error:
            problems.append(Problem(key, shown(text), error.problem, error.fix))
        else:
            yield address


def _address(text: str) -> Address:
    """:raises Refused: it is no address and port, or one that is taken."""
    host, port = _parts(text)
    if host == "*":
        fix = f"write {EVERYWHERE[4]}:{port} for all addresses of IPv4, {EVERYWHERE[6]}:{port} for those of IPv6"
        raise Refused("does not say which version of IP is meant", fix)
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        fix = f"write the address of this host that it stands for, such as 10.0.0.5:{port}"
        raise Refused("is a name, and nginx is to listen on an address", fix) from None
    if (address.version == 6) != host.startswith("["):
        raise Refused("has brackets that only an IPv6 address has", f"write {address}:{port}")
    if not 1 <= port <= 65535:
        raise Refused("is no port", "write a port from 1 to 65535, such as 8080")
    if port == 22:
        raise Refused("is the port of the SSH server", f"write another port, such as {host}:8080")
    if text == MAINTENANCE:
        raise Refused("is where nginx answers for services that are being recreated", f"write another port, such as {host}:8080")
    return Address(address, port)


def _parts(text: str) -> tuple[str, int]:
    """Host and port.

    :raises Refused: it has no such form.
    """
    host, colon, port = text.rpartition(":")
    if text.startswith("unix:"):
        raise Refused("is a socket of the file system", "write an address and a port, such as 127.0.0.1:8080")
    if host.startswith("[") != host.endswith("]") or (":" in host and not host.startswith("[")):
        raise Refused("is an IPv6 address without brackets", "write it such as [::1]:8080")
    if not colon or not host or not _NUMBER.fullmatch(port):
        known = host or text
        example = "127.0.0.1" if known.isdigit() or not known.strip("[]*:") else known
        raise Refused("is no address with a port", f"write both, such as {example}:8080")
    return host, int(port)


def _trusted(entries: Iterable[tuple[str, str]], anyone: bool, problems: list[Problem]) -> Iterator[Network]:
    for key, text in entries:
        try:
            interface = ipaddress.ip_interface(text)
        except ValueError:
            fix = "write the address that it comes from, such as 10.0.0.7, or its network, such as 172.18.0.0/16"
            problems.append(Problem(key, shown(text), "is no address and no network", fix))
            continue
        network = interface.network
        if interface.ip != network.network_address:
            fix = f"write {network}, or {interface.ip} for the one address"
            problems.append(Problem(key, shown(text), "names an address and a network at once", fix))
        elif network.prefixlen < WIDEST[network.version] and not anyone:
            what = "trusts everybody: any client could say that it is another one"
            fix = (
                "write the addresses of the proxy; where they cannot be known and another firewall lets nobody else in, "
                f"write {VARIABLE}.trust_anyone: true"
            )
            problems.append(Problem(key, shown(text), what, fix))
        else:
            yield network


def _contradictions(behind: Behind) -> Iterator[Problem]:
    """Between the keys themselves."""
    if all(address.host.is_loopback for address in behind.listen) and not any(network.is_loopback for network in behind.trusted):
        what = "is reached from this host alone, and nothing that is trusted is there"
        fix = "write trusted: [127.0.0.1] for a proxy of this host; for one in a container listen on an address that it reaches"
        yield Problem(f"{VARIABLE}.listen", ", ".join(map(str, behind.listen)), what, fix)
    if all(network.is_loopback for network in behind.trusted) and not any(
        address.host.is_loopback or address.host.is_unspecified for address in behind.listen
    ):
        what = "are never seen there: who connects to an address of this host from the same host comes from that address"
        fix = f"listen on 127.0.0.1:{behind.listen[0].port}, or write trusted: [{behind.listen[0].host}]"
        yield Problem(f"{VARIABLE}.trusted", ", ".join(map(written, behind.trusted)), what, fix)
    if behind.challenges and not behind.tls:
        what = "is for certificates of this host, and without tls there are none"
        yield Problem(f"{VARIABLE}.challenges", "true", what, "remove it, or write tls: true")


@dataclass(frozen=True)
class Beside:
    """What else is declared of the host, and may contradict.

    :param certificates: that certbot is to get.
    :param dns: it proves control of their names by DNS.
    :param status: nginx's own numbers.
    :param sites: each with name, tls and certificate_file.
    :param published: host ports of services, each with where it is declared.
    """

    real_ip_from: Sequence[str] = ()
    proxy_protocol: bool = False
    certificates: Sequence[str] = ()
    dns: bool = False
    status: str = ""
    ssh_port: int = 22
    sites: Sequence[Mapping[str, Any]] = ()
    published: Sequence[Mapping[str, Any]] = ()


def against(behind: Behind, beside: Beside) -> Iterator[Problem]:
    """Contradictions with other variables and with the declaration."""
    if beside.real_ip_from:
        fix = f"move its networks to {VARIABLE}.trusted, and remove it"
        yield Problem("nginx_real_ip_from", shown(list(beside.real_ip_from)), f"is said by {VARIABLE}.trusted already", fix)
    if beside.proxy_protocol:
        fix = f"write {VARIABLE}: {{…, proxy_protocol: true}}, and remove it"
        yield Problem("nginx_proxy_protocol", "true", f"is about ports 80 and 443, which are not nginx's behind a proxy ({VARIABLE})", fix)
    yield from _ports(behind, beside)
    yield from _sites(behind, beside)
    if behind.tls and beside.certificates and not (beside.dns or behind.challenges):
        what = f"wants certificates for {', '.join(beside.certificates)}, and an authority asks port 80, which belongs to the proxy"
        fix = (
            "have the proxy pass http://DOMAIN/.well-known/acme-challenge/ on to here and write challenges: true; "
            "or prove the names by DNS (certbot_dns_plugin); or let the proxy end TLS (tls: false)"
        )
        yield Problem(f"{VARIABLE}.tls", "true", what, fix)


def _ports(behind: Behind, beside: Beside) -> Iterator[Problem]:
    for index, address in enumerate(behind.listen):
        key = f"{VARIABLE}.listen[{index}]"
        if address.port == beside.ssh_port:
            yield Problem(key, str(address), "is the port of the SSH server", "write another port")
        if str(address) == beside.status:
            yield Problem(key, str(address), "is where nginx shows its own numbers", "write another port, or another nginx_status_address")
        for port in beside.published:
            if int(port["first"]) <= address.port <= int(port["last"]):
                where = f"{port['stack']}: compose.services.{port['service']}.ports"
                what = f"is a port that the service {port['service']} of {port['stack']} publishes ({where})"
                yield Problem(key, str(address), what, "write another port, or remove it there: a route needs no published port")


def _sites(behind: Behind, beside: Beside) -> Iterator[Problem]:
    for site in beside.sites:
        if behind.tls and site.get("tls") is False:
            what = f"has tls: false, and shares {', '.join(map(str, behind.listen))} with sites that have TLS ({VARIABLE}.tls)"
            yield Problem(f"nginx_extra_sites ({site['name']})", "", what, f"remove it there, or write {VARIABLE}.tls: false")
        if not behind.tls and site.get("certificate_file"):
            what = f"has a certificate, and behind the proxy nginx speaks no TLS ({VARIABLE}.tls is false)"
            fix = f"give the certificate to the proxy and remove certificate_file and key_file, or write {VARIABLE}.tls: true"
            yield Problem(f"nginx_extra_sites ({site['name']})", str(site["certificate_file"]), what, fix)
