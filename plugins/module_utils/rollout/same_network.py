# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a network that is there is the one that Compose would make.

Compose judges by a hash in a label since 2.31, and stops every container of a network that differs to make it anew. An older one gives no
such label and takes the network as it is, whatever the file says.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from ..containers.client import NETWORK

HASH = "com.docker.compose.config-hash"
# Written by Docker 28 among the options of each network.
_OF_DOCKER = {"com.docker.network.enable_ipv4", "com.docker.network.enable_ipv6"}
# What Go's json.Marshal writes of characters that mean something in HTML.
_ESCAPED = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
Document = Mapping[str, Any]


def same(there: Document, key: str, wanted: Document) -> bool:
    """Whether Compose, and whoever is in it, finds the network as it is wanted.

    :param there: Docker Engine API, ``GET /networks/{id}``.
    :param key: its name in the Compose file.
    :param wanted: as ``docker compose config`` resolves it, its keys in their order.
    """
    labels = there.get("Labels") or {}
    if labels.get(NETWORK) != key:
        return False  # Compose refuses it
    if labels.get(HASH):
        return bool(labels[HASH] == fingerprint(wanted))
    return _settings(there) == _wanted(wanted) and _pools(wanted) <= _pools(there.get("IPAM") or {}, "Config")


def fingerprint(wanted: Document) -> str:
    """The hash that Compose gives a network (``pkg/compose/hash.go``): of its JSON as Go writes it."""
    text = json.dumps(wanted, separators=(",", ":"), ensure_ascii=False)
    for character, escaped in _ESCAPED.items():
        text = text.replace(character, escaped)
    return hashlib.sha256(text.encode()).hexdigest()


def _settings(there: Document) -> dict[str, Any]:
    return {
        "driver": there.get("Driver") or "bridge",
        "internal": bool(there.get("Internal")),
        "attachable": bool(there.get("Attachable")),
        "enable_ipv6": bool(there.get("EnableIPv6")),
        "driver_opts": {name: value for name, value in (there.get("Options") or {}).items() if name not in _OF_DOCKER},
    }


def _wanted(wanted: Document) -> dict[str, Any]:
    plain = {key: bool(wanted.get(key)) for key in ("internal", "attachable", "enable_ipv6")}
    return {"driver": wanted.get("driver") or "bridge", "driver_opts": dict(wanted.get("driver_opts") or {}), **plain}


def _pools(document: Document, key: str = "") -> set[tuple[str, str]]:
    """Subnets with their gateways, where one is named: those that nobody chose are as good as any."""
    if key:
        pools = [(str(pool.get("Subnet") or ""), str(pool.get("Gateway") or "")) for pool in document.get(key) or ()]
        return {*pools, *((subnet, "") for subnet, _gateway in pools)}
    given = (document.get("ipam") or {}).get("config") or ()
    return {(str(pool.get("subnet") or ""), str(pool.get("gateway") or "")) for pool in given}
