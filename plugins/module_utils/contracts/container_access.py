# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What containers of a network may reach beside their networks: services of the host, metadata of its cloud, what lies beyond it. It stands
in the project, as Reload does.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .base import Contract, option
from .carried_files import EXTENSION


@dataclass(frozen=True)
class HostPort(Contract):
    """A service of the host itself."""

    port: int = option("The port on the host.", least=1, most=65535)
    protocol: str = option("By which protocol.", "tcp", choices=("tcp", "udp"))


@dataclass(frozen=True)
class Destination(Contract):
    """What lies beyond the host."""

    to: str = option("A name of DNS, an address, or a network.")
    port: int = option("Its port.", least=1, most=65535)
    protocol: str = option("By which protocol.", "tcp", choices=("tcp", "udp"))

    @property
    def name(self) -> str:
        """The name that DNS is asked for; empty for an address."""
        return "" if self.family else self.to

    @property
    def family(self) -> str:
        """The word of nftables for its kind of address; empty for a name."""
        try:
            return "ip" if ipaddress.ip_network(self.to, strict=False).version == 4 else "ip6"
        except ValueError:
            return ""


@dataclass(frozen=True)
class NetworkAccess(Contract):
    """That of one network."""

    name: str = option("The network, by its name in the Compose file.")
    host: tuple[HostPort, ...] = option("Services of the host that its containers may reach.", ())
    metadata: bool = option("Whether they may reach the metadata service of the cloud, which gives out the credentials of the host.", False)
    egress: tuple[Destination, ...] = option(
        "What beyond the host its containers may reach, and DNS; everything where nothing is said.", (), sparse=True
    )


def access_of(project: Mapping[str, Any]) -> list[NetworkAccess]:
    """Those of a project; a network that is not among them reaches neither."""
    given = (project.get(EXTENSION) or {}).get("networks") or ()
    return [NetworkAccess.from_dict(item, f"{EXTENSION}.networks[{index}]", tolerant=True) for index, item in enumerate(given)]
