# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the Compose file publishes for the host alone."""

from __future__ import annotations

from ipaddress import ip_address

from ..model import Declaration


def loopback_ports(declaration: Declaration) -> list[str]:
    """``address:port`` of each TCP port that is published on loopback: what an operator may reach through SSH.

    Also by the name, since sshd compares words: ``ssh -L 5434:localhost:5434`` is the usual way to write it.
    """
    return list(
        dict.fromkeys(
            f"{address}:{number}"
            for service in declaration.compose.services.values()
            if not service.profiles
            for port in service.ports
            if port.protocol == "tcp" and port.published and _is_loopback(port.host_ip)
            for number in range(port.published[0], port.published[1] + 1)
            for address in (f"[{port.host_ip}]" if ":" in port.host_ip else port.host_ip, "localhost")
        )
    )


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
