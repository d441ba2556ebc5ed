# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of streams: each port is free, and leads to a service that can answer."""

from __future__ import annotations

from collections.abc import Iterator

from ...schema.nodes import Problem, shown
from ..model import Declaration
from ..routes.checks import check_target
from ..routes.derive import all_own
from .model import StreamEntry

TAKEN = {22: "SSH", 80: "nginx for routes", 443: "nginx for routes"}


def check_streams(declaration: Declaration, problems: list[Problem]) -> None:
    if (
        any(stream.tls for stream in declaration.streams)
        and not declaration.contact
        and not declaration.routes
        and not all_own(declaration)
    ):
        what = "is required with streams that have tls: the certificate authority writes there before a certificate expires"
        if not any(problem.key == "contact" for problem in problems):
            problems.append(Problem("contact", "nothing", what, "add contact: ops@example.com"))
    seen: dict[tuple[int, str], StreamEntry] = {}
    for stream in declaration.streams:
        known = seen.setdefault((stream.port, stream.protocol), stream)
        if known is not stream and stream.port:
            fix = "give one of the two another port: without HTTP nothing else tells them apart"
            problems.append(Problem(f"{stream.key}.port", shown(stream.port), f"is the port of {known.key} already", fix))
        problems += _of_port(declaration, stream)
        if stream.protocol == "udp":
            problems += _of_udp(stream)
        alias = next((route for route in declaration.routes if stream.tls in route.aliases), None)
        if alias and stream.tls:
            what = f"is an alias of {alias.domain}, whose certificate it shares"
            problems.append(Problem(f"{stream.key}.tls", shown(stream.tls), what, f"write tls: {alias.domain}"))
        check_target(declaration, stream.key, stream.service, ("service_port", stream.service_port), problems)


def _of_port(declaration: Declaration, stream: StreamEntry) -> Iterator[Problem]:
    key = f"{stream.key}.port"
    if stream.protocol == "tcp" and stream.port in TAKEN:
        yield Problem(key, shown(stream.port), f"belongs to {TAKEN[stream.port]}", "write another port")
    for opening in declaration.firewall:
        if stream.port and (opening.port, opening.protocol) == (stream.port, stream.protocol):
            fix = f"remove {opening.key}; write its networks into {stream.key}.allow_from"
            yield Problem(f"{opening.key}.port", shown(opening.port), f"is opened by {stream.key} already", fix)
    for service in declaration.compose.services.values():
        for port in service.ports:
            if port.protocol == stream.protocol and port.published and port.published[0] <= stream.port <= port.published[1]:
                what = f"is published by {service.name} in the Compose file ({port})"
                yield Problem(key, shown(stream.port), what, f"remove ports: from {service.name}, or write another port here")


def _of_udp(stream: StreamEntry) -> Iterator[Problem]:
    if stream.tls:
        yield Problem(f"{stream.key}.tls", shown(stream.tls), "is not to be had with protocol: udp", "remove it, or write protocol: tcp")
    if stream.proxy_protocol:
        yield Problem(f"{stream.key}.proxy_protocol", "true", "is not to be had with protocol: udp", "remove it, or write protocol: tcp")
