# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verb of opsctl that says how to reach what a service publishes on loopback: a database, an admin page.

It changes nothing and opens nothing: the tunnel is the operator's own SSH connection, and sshd forwards to declared ports only.
"""

from __future__ import annotations

import argparse
import os
import shlex
import socket
from collections.abc import Iterable, Mapping
from typing import Any

from ..containers.client import Container, Engine, PublishedPort
from ..schema.nodes import instead
from . import stack_choice
from .arguments import shared
from .output import Output


def add_parsers(verbs: Any) -> None:
    """The command line of the verb."""
    tunnel = verbs.add_parser("tunnel", parents=[shared()])
    tunnel.add_argument("--port", type=int, metavar="PORT", help="this port of the container, where it publishes several")
    tunnel.add_argument("--local", type=int, metavar="PORT", help="the port on the other machine; that of this host when none is given")
    tunnel.add_argument("service", metavar="SERVICE")


def run_verb(options: argparse.Namespace, output: Output) -> int:
    """Print the command."""
    stack = stack_choice.chosen(options.stack, options.argv)
    port = chosen(Engine().containers(stack), options.service, options.port)
    command = ssh_command(port, options.local or port.number, os.environ)
    where = {"address": port.address, "port": port.number, "target": port.target}
    lines = [shlex.join(command), f"then localhost:{options.local or port.number} on that machine is {options.service}:{port.target}"]
    output.result({"stack": stack, "service": options.service, **where, "command": command}, "\n".join(lines))
    return 0


def chosen(containers: Iterable[Container], service: str, target: int | None) -> PublishedPort:
    """The port that is meant.

    :raises ValueError: the service publishes none on loopback, or several and none is named.
    """
    known: dict[str, set[PublishedPort]] = {}
    for container in containers:
        known.setdefault(container.service, set()).update(port for port in container.published if port.protocol == "tcp")
    if service not in known:
        raise ValueError(f"there is no container of a service {service!r}: {instead(service, known, 'service')}")
    ports = sorted(port for port in known[service] if port.on_loopback)
    if not ports and known[service]:
        number = min(known[service]).number
        raise ValueError(f"{service} is published beyond loopback: connect to port {number} of this host, where the firewall lets you")
    if not ports:
        raise ValueError(
            f"{service} publishes nothing on loopback: write ports: ['127.0.0.1:PORT:PORT'] for it in the Compose file, with a network"
            " that has internal: false"
        )
    matching = [port for port in ports if target in (None, port.target, port.number)]
    targets = sorted({port.target for port in ports})
    if not matching:
        raise ValueError(f"{service} does not publish port {target} on loopback: write --port {' or --port '.join(map(str, targets))}")
    if len({port.target for port in matching}) > 1:
        raise ValueError(f"{service} publishes several ports: write --port {' or --port '.join(map(str, targets))}")
    return matching[0]


def ssh_command(port: PublishedPort, local: int, environment: Mapping[str, str]) -> list[str]:
    """The command for the other machine, with the address and port by which it is connected now."""
    connection = environment.get("SSH_CONNECTION", "").split()
    host, number = (connection[2], connection[3]) if len(connection) == 4 else (socket.getfqdn(), "22")
    user = environment.get("SUDO_USER") or environment.get("USER") or ""
    address = f"[{port.address}]" if ":" in port.address else port.address
    way = ["-p", number] if number != "22" else []
    forward = f"{local}:{address}:{port.number}"
    return ["ssh", "-N", "-o", "ExitOnForwardFailure=yes", *way, "-L", forward, f"{user}@{host}" if user else host]
