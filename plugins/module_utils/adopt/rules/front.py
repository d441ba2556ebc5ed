# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A proxy on ports 80 and 443 that may stay there: the lines of ``nginx_behind`` that put nginx behind it."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from ...nginx.behind import VARIABLE
from ..finding import Given, spelled
from ..survey.containers import Container
from ..survey.listeners import Listener

WEB = {80, 443}
PROGRAMS = {"apache2", "httpd", "caddy", "envoy", "haproxy", "lighttpd", "nginx", "openresty", "traefik", "varnishd"}
PORTS = (8080, 8088, 8090, 18080, 18088, 28080)  # of which nginx takes the first that is free
UNKNOWN = "172.16.0.0/12"  # where Docker takes its networks from, unless it is told otherwise (dockerd, default-address-pools)


def may_stay(given: Given, listener: Listener) -> bool:
    """A container or a program that can pass requests on, where nginx would listen on 80 or 443."""
    return listener.port in WEB and not given.behind and (bool(listener.container) or listener.program in PROGRAMS)


def lines(given: Given, listener: Listener) -> tuple[str, str]:
    """The variable, and what to write there.

    A container reaches addresses of the host, but not its loopback; and it comes from its own network.
    """
    container = next((container for container in given.survey.containers if container.name == listener.container), None)
    if listener.container and not (container and container.host_network):
        listen, trusted = "0.0.0.0", list(_networks(given, container)) or [UNKNOWN]  # noqa: S104 - the firewall opens it to them alone
    else:
        listen, trusted = "127.0.0.1", ["127.0.0.1"]
    return VARIABLE, spelled({"listen": [f"{listen}:{_free(given)}"], "trusted": trusted})


def _networks(given: Given, container: Container | None) -> Iterator[str]:
    """The networks that a container has addresses in."""
    addresses = [ipaddress.ip_address(address) for address in (container.addresses if container else ())]
    for network in given.survey.networks:
        for subnet in network.subnets:
            try:
                pool = ipaddress.ip_network(subnet, strict=False)
            except ValueError:
                continue  # a driver of its own
            if any(address.version == pool.version and address in pool for address in addresses):
                yield str(pool)


def _free(given: Given) -> int:
    """A port that nobody listens on, no stack publishes and nginx does not use otherwise."""
    taken = {listener.port for listener in given.survey.listeners if listener.protocol == "tcp"}
    taken |= {port for stack in given.stacks for port, protocol in stack.ports or {} if protocol == "tcp"}
    taken |= {port for _address, port in given.nginx_addresses}
    return next((port for port in PORTS if port not in taken), PORTS[0])
