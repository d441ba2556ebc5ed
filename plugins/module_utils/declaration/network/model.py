# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Openings of the firewall, and what networks may reach, read and typed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...contracts.container_access import Destination, HostPort, NetworkAccess


@dataclass(frozen=True)
class Opening:
    key: str
    port: int
    protocol: str
    sources: tuple[str, ...]
    comment: str


def openings_from(items: Sequence[dict[str, Any]]) -> tuple[Opening, ...]:
    """From what the schema read."""
    return tuple(_opening(item, f"firewall[{index}]") for index, item in enumerate(items))


def _opening(item: dict[str, Any], key: str) -> Opening:
    sources = tuple(network for network in item["from"] if network)
    return Opening(key, item["port"], item["protocol"], sources, item["comment"])


def networks_from(items: Mapping[str, dict[str, Any]]) -> tuple[NetworkAccess, ...]:
    """From what the schema read."""
    return tuple(
        NetworkAccess(
            name,
            tuple(HostPort(**port) for port in item.get("host") or () if port.get("port")),
            bool(item.get("metadata")),
            tuple(Destination(**there) for there in item.get("egress") or () if there.get("to") and there.get("port")),
        )
        for name, item in items.items()
    )
