# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of C(firewall): openings beside SSH, 80 and 443."""

from __future__ import annotations

from ...schema import values
from ...schema.nodes import Items, Record, Text
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
