# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What streams need of nginx, the firewall and the certificates."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...compose.syntax import Port
from ...contracts.claims import Claim, Kind, opened
from ...contracts.upstreams import Stream, Upstream
from ..model import Declaration


def upstreams(declaration: Declaration) -> list[dict[str, Any]]:
    """An upstream each, which says where nginx listens for it; addresses come from the running containers."""
    return [
        Upstream(
            name=f"{declaration.name}_{stream.service}_{stream.service_port}_{stream.protocol}_{stream.port}",
            project=declaration.name,
            service=stream.service,
            port=stream.service_port,
            balance=stream.balance,
            keepalive=0,
            stream=Stream(stream.port, stream.protocol, stream.tls, stream.proxy_protocol, stream.allow_from, stream.timeout),
        ).to_dict()
        for stream in declaration.streams
    ]


def openings(declaration: Declaration) -> list[dict[str, Any]]:
    """Rules of the firewall."""
    return [
        {
            "action": "allow",
            "port": stream.port,
            "protocol": stream.protocol,
            "from": list(stream.allow_from),
            "comment": f"{declaration.name} {stream.service}",
        }
        for stream in declaration.streams
    ]


def domains(declaration: Declaration) -> list[str]:
    """The names whose certificates streams use."""
    return list(dict.fromkeys(stream.tls for stream in declaration.streams if stream.tls))


def claims(declaration: Declaration) -> Iterator[Claim]:
    """Ports of the host, and to whom they are open."""
    for stream in declaration.streams:
        if stream.port:
            port = Port(stream.service_port, (stream.port, stream.port), "", stream.protocol)
            yield Claim(Kind.PORT, port, f"{stream.key}.port", str(port))
            yield opened(stream.port, stream.protocol, stream.allow_from, f"{stream.key}.port")
    routed = {name for route in declaration.routes for name in (route.domain, *route.aliases)}
    first = {stream.tls: stream for stream in reversed(declaration.streams) if stream.tls}
    for name in domains(declaration):
        if name not in routed:
            yield Claim(Kind.DOMAIN, name, f"{first[name].key}.tls", name)
