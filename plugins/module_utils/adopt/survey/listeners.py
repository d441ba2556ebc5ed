# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Listening ports, each with its program and its unit or container.

The kernel's own tables are read (proc(5), /proc/net/tcp), so that nothing must be installed; ss is asked where they cannot be. A port that
Docker publishes is answered by docker-proxy, or by no process at all without the userland proxy: both are told by the container.
"""

from __future__ import annotations

import ipaddress
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ...preflight.web_ports import listeners as shown_by_ss
from ..host import Process, SurveyedHost
from .containers import Container

STATES = {"tcp": "0A", "udp": "07"}  # TCP_LISTEN, TCP_CLOSE of sockets without a peer (include/net/tcp_states.h)
PROXIES = ("docker-proxy", "rootlesskit")
EPHEMERAL = (32768, 60999)  # where the kernel does not say (ip_local_port_range)


@dataclass(frozen=True)
class Listener:
    """A port that somebody listens on.

    :param container: name of the container that answers; empty for a program of the host.
    :param published: Docker leads clients there past the firewall's INPUT chain.
    :param ephemeral: a UDP port from the range of clients: the socket of somebody who has asked, not of a server.
    """

    protocol: str
    address: str
    port: int
    program: str = ""
    unit: str = ""
    container: str = ""
    project: str = ""
    published: bool = False
    ephemeral: bool = False

    @property
    def outside(self) -> bool:
        """It answers on more than loopback."""
        return not ipaddress.ip_address(self.address).is_loopback

    @property
    def name(self) -> str:
        """`5432/tcp`"""
        return f"{self.port}/{self.protocol}"

    @property
    def holder(self) -> str:
        """Who listens, for people."""
        if self.container:
            return f"container {self.container}" + (f" of project {self.project}" if self.project else "")
        program = self.program or "a process that the kernel does not name"
        return f"{program} of {self.unit}" if self.unit else program


@dataclass(frozen=True)
class _Socket:
    protocol: str
    address: str
    port: int
    inode: int


def listeners(host: SurveyedHost, there: Sequence[Container] = ()) -> list[Listener]:
    """All of them, sorted by port.

    :param there: the containers of the host.
    """
    low, high = _ephemeral(host)
    sockets = set()
    for listener in _of_kernel(host, there) if host.read(host.proc / "net/tcp") is not None else _of_ss(host):
        ephemeral = listener.protocol == "udp" and low <= listener.port <= high and bool(listener.program)
        sockets.add(_resolved(replace(listener, ephemeral=ephemeral and not listener.published), there))
    sockets |= set(_without_process(there, sockets))
    return sorted(sockets, key=lambda listener: (listener.port, listener.protocol, listener.address, listener.holder))


def _of_kernel(host: SurveyedHost, there: Sequence[Container]) -> Iterator[Listener]:
    owners: dict[int, Process] = {}
    for process in host.processes:
        for inode in process.sockets:
            known = owners.get(inode)
            # systemd keeps the socket of a unit open beside the daemon that it has started.
            if known is None or known.program == "systemd":
                owners[inode] = process
    names = {container.id: container for container in there}
    for socket in _sockets(host):
        owner = owners.get(socket.inode)
        if owner is None:
            yield Listener(socket.protocol, socket.address, socket.port)
            continue
        inside = names.get(owner.container)
        yield Listener(
            socket.protocol,
            socket.address,
            socket.port,
            owner.program,
            owner.unit,
            inside.name if inside else owner.container[:12],
            inside.project if inside else "",
        )


def _sockets(host: SurveyedHost) -> Iterator[_Socket]:
    for protocol, state in STATES.items():
        for table in (protocol, f"{protocol}6"):
            for line in (host.read(host.proc / "net" / table) or "").splitlines()[1:]:
                fields = line.split()
                if len(fields) < 10 or fields[3] != state or not fields[2].endswith(":0000"):
                    continue
                address, port = _address(fields[1])
                yield _Socket(protocol, address, port, int(fields[9]))


def _address(text: str) -> tuple[str, int]:
    """An address of the kernel's tables: words of 32 bits in the byte order of the machine."""
    digits, _colon, port = text.partition(":")
    words = [int(digits[at : at + 8], 16).to_bytes(4, sys.byteorder) for at in range(0, len(digits), 8)]
    address = ipaddress.ip_address(b"".join(words))
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address), int(port, 16)


def _of_ss(host: SurveyedHost) -> Iterator[Listener]:
    for protocol, flags in (("tcp", "-Hltnp"), ("udp", "-Hlunp")):
        for line in shown_by_ss(host.output(["ss", flags]) or ""):
            address = line.address.strip("[]").replace("*", "::")
            yield Listener(protocol, address or "::", line.port, line.program)


def _resolved(listener: Listener, there: Sequence[Container]) -> Listener:
    """Docker's proxy is the container behind it."""
    if listener.program not in PROXIES:
        return listener
    for container in there:
        if any((port.port, port.protocol) == (listener.port, listener.protocol) for port in container.ports):
            return replace(listener, program="", unit="", container=container.name, project=container.project, published=True)
    return replace(listener, published=True)


def _without_process(there: Sequence[Container], seen: set[Listener]) -> Iterator[Listener]:
    """Ports that Docker publishes by rules of the packet filter alone."""
    ports = {(listener.protocol, listener.port) for listener in seen if listener.published}
    for container in there:
        for port in container.ports:
            if (port.protocol, port.port) not in ports:
                yield Listener(port.protocol, port.address, port.port, container=container.name, project=container.project, published=True)


def _ephemeral(host: SurveyedHost) -> tuple[int, int]:
    words = (host.read(host.proc / "sys/net/ipv4/ip_local_port_range") or "").split()
    return (int(words[0]), int(words[1])) if len(words) == 2 else EPHEMERAL


def by_port(listening: Sequence[Listener]) -> Mapping[tuple[int, str], list[Listener]]:
    """Listeners beyond loopback by port and protocol: a program that listens by both IP versions is one matter."""
    grouped: dict[tuple[int, str], list[Listener]] = {}
    for listener in listening:
        if listener.outside and not listener.ephemeral:
            grouped.setdefault((listener.port, listener.protocol), []).append(listener)
    return grouped
