# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses of loopback: who listens there is reached from its own host alone."""

from __future__ import annotations

import ipaddress


def is_loopback(host: str) -> bool:
    """Whether a name or an address, without brackets, is of this host."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_loopback_endpoint(address: str) -> bool:
    """Whether this is an address of loopback, no name, with a port: C(127.0.0.1:9090), C([::1]:9090)."""
    host, _colon, port = address.rpartition(":")
    bare = host.strip("[]")
    try:
        return bare != "localhost" and is_loopback(bare) and (":" in host) is host.startswith("[") and 0 < int(port) < 65536
    except ValueError:
        return False
