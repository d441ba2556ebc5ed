# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The upstreams of nginx (filter nginx_upstreams, option C(upstreams) of the module, the files in /etc/latentum-ops/upstreams)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..schema.values import named
from .base import Contract, ContractError, option

_NO_PORTS: Mapping[str, int] = {}
BALANCES = ("least_conn", "round_robin", "ip_hash", "sticky")
STREAM_BALANCES = ("least_conn", "round_robin", "ip_hash")
_NAME = named(r"[A-Za-z0-9][A-Za-z0-9_.-]*", "cannot be the name of a file", "write letters, digits, '_', '-' and '.' only")


@dataclass(frozen=True)
class Member(Contract):
    """A host behind a load balancer."""

    name: str = option("How the host is called, for example its name in the inventory.")
    address: str = option("Its address.")
    port: int = option("Its port.", 443, least=1, most=65535)

    @property
    def server(self) -> str:
        """``address:port``, as nginx names it."""
        return f"{self.address}:{self.port}"


@dataclass(frozen=True)
class Stream(Contract):
    """Where nginx listens for an upstream without HTTP."""

    port: int = option("The port of the host.", least=1, most=65535)
    protocol: str = option("By which protocol.", "tcp", choices=("tcp", "udp"))
    tls: str = option("Name of the certificate with which TLS ends at nginx; empty for none.", "")
    proxy_protocol: bool = option("Tell the address of the client by the PROXY protocol.", False)
    allow_from: tuple[str, ...] = option("Networks that may connect; everybody when empty.", ())
    timeout: int = option("Seconds of silence in both directions after which a connection is closed.", 600, least=1)


@dataclass(frozen=True)
class Upstream(Contract):
    """One upstream: the containers of a service at one container port, or the hosts behind a load balancer."""

    name: str = option("Name of the upstream, used in C(proxy_pass).", check=_NAME)
    project: str = option("Name of the Compose project. Not for an upstream with members.", "")
    service: str = option("Name of the service in it.", "")
    port: int | None = option("Port in the container.", None, least=1, most=65535)
    balance: str = option("How requests are spread over the containers.", "least_conn", choices=BALANCES)
    keepalive: int = option("Idle connections that each worker of nginx keeps to the containers.", 32, least=0)
    members: tuple[Member, ...] = option(
        "Hosts behind this load balancer, instead of containers; module M(latentum.ops.upstream_member) drains them.", (), sparse=True
    )
    ports: Mapping[str, int] = option(
        "Definition of a container to its port, where that is another one. The engine says so while a rollout changes the port.",
        _NO_PORTS,
        sparse=True,
    )

    generation: bool = option(
        "Write a variable of nginx with it that is another one for each definition of the containers; what nginx keeps of their answers is"
        " kept by it.",
        False,
        sparse=True,
    )

    stream: Stream | None = option("Where nginx listens for it, where it is no HTTP.", None, sparse=True)

    def check(self, key: str) -> None:
        """It leads to containers or to members."""
        if not self.members and not (self.project and self.service and self.port):
            raise ContractError(f"{key or 'upstream'}: {self.name} leads nowhere: write project, service and port, or members")


def upstreams_from(raw: Sequence[object], *, tolerant: bool = True) -> list[Upstream]:
    """Upstreams from a list of plain data; those of a file may be of another engine.

    :raises ContractError: one that cannot be read.
    """
    return [Upstream.from_dict(entry, f"upstreams[{index}]", tolerant=tolerant) for index, entry in enumerate(raw)]
