# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of C(streams): TCP and UDP that nginx passes on."""

from __future__ import annotations

from ...contracts.nodes import text
from ...contracts.upstreams import STREAM_BALANCES, Stream
from ...schema import values
from ...schema.nodes import Flag, Items, Record, Text
from ..forms import networks, port, service_name

STREAM = Record(
    description="A port of the host that leads to a port of a service.",
    fields={
        "port": port("The port of the host. It is opened in the firewall.", example="8883"),
        "protocol": text(Stream, "protocol", description="V(udp) answers come back for as long as C(timeout) says."),
        "service": Text(required=True, default="", check=service_name, example="broker", description="A service of the Compose file."),
        "service_port": port("The port inside the container.", example="1883"),
        "tls": Text(
            default="",
            check=values.domain,
            example="mqtt.example.com",
            description="TLS ends at nginx, with the certificate of this name. One that no route has gets a site that serves nothing, for"
            " the sake of the certificate.",
            implied="none: what the client sends is passed on as it is",
        ),
        "proxy_protocol": Flag(
            default=False, description="Tell the service the address of the client by the PROXY protocol (version 1); it must expect that."
        ),
        "allow_from": networks("Who may connect; the firewall and nginx refuse others.", "everybody"),
        "timeout": Text(
            default=600,
            numbers=True,
            check=values.lasting(1, 86400, whole=True),
            example="1h",
            description="A connection that is silent for so long, in both directions, is closed.",
        ),
        "balance": Text(default="least_conn", choices=STREAM_BALANCES, description="How connections are spread over replicas."),
    },
    example="{port: 8883, service: broker, service_port: 1883, tls: mqtt.example.com}",
)
STREAMS = Items(
    of=STREAM,
    default=[],
    example=f"[{STREAM.example}]",
    description="What is reachable without HTTP: message brokers, mail, DNS, games. nginx follows the containers as it does for routes, so"
    " that a service may have replicas and be rolled; C(ports) of the Compose file can do neither.",
)
