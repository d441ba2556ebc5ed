# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables of C(firewall), openings beside SSH, 80 and 443, and of C(networks), what containers reach beside their networks."""

from __future__ import annotations

from ...contracts.container_access import Destination, HostPort, NetworkAccess
from ...contracts.nodes import described, flag, number, text
from ...schema import values
from ...schema.nodes import Items, Record, Refused, Table, Text
from ..forms import networks, port

_COMMENT = values.named(
    r"[^\x00-\x1f\x7f'\"]{1,60}", "is not a comment for a firewall rule", "write at most 60 letters without quotes", "string up to 60"
)
OPENING = Record(
    description="One opening of the host's firewall.",
    fields={
        "port": port("The port on the host.", example="9443"),
        "protocol": Text(default="tcp", choices=("tcp", "udp"), description="By which protocol."),
        "from": networks("Who may connect.", "everybody"),
        "comment": Text(default="", check=_COMMENT, description="Stands beside the rule.", implied="the stack's name"),
    },
    example="{port: 9443, protocol: tcp, from: [203.0.113.0/24], comment: metrics}",
)
FIREWALL = Items(of=OPENING, default=[], example=OPENING.example, description="Openings beside SSH, 80 and 443.")

HOST_PORT = Record(
    description="One service of the host.",
    fields={
        "port": number(HostPort, "port", "9100", required=True),
        "protocol": text(HostPort, "protocol", "udp"),
    },
    example="{port: 9100}",
)


@values.form("name, address or network")
def _destination(value: str) -> str:
    if "*" in value:
        what = "is a pattern: which addresses are behind it, DNS does not tell"
        raise Refused(what, "write each name, or let the containers ask a proxy of yours that knows names, and write that one")
    try:
        return values.network(value)
    except Refused:
        if not any(letter.isalpha() for letter in value) or ("/" in value and "://" not in value):
            raise
    return values.domain(value)


DESTINATION = Record(
    description="One of them.",
    fields={
        "to": text(Destination, "to", "api.example.com", check=_destination),
        "port": number(Destination, "port", "443", required=True),
        "protocol": text(Destination, "protocol", "tcp"),
    },
    example="{to: api.example.com, port: 443}",
)
NETWORK = Record(
    default={},
    description="What its containers reach beside the networks that they are in; each name must be a network of the Compose file.",
    fields={
        "host": Items(of=HOST_PORT, default=[], example="[{port: 9100}]", description=described(NetworkAccess, "host")),
        "metadata": flag(NetworkAccess, "metadata"),
        "egress": Items(of=DESTINATION, default=[], example=f"[{DESTINATION.example}]", description=described(NetworkAccess, "egress")),
    },
    example="{host: [{port: 9100}]}",
)
NETWORKS = Table(
    of=NETWORK,
    default={},
    example="{monitoring: {host: [{port: 9100}]}}",
    description="Services of the host and of its cloud that containers may reach, by network; none where nothing is said.",
)
