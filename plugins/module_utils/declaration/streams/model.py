# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Streams, read and typed; seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class StreamEntry:
    """A port of the host and where it leads."""

    key: str
    port: int
    protocol: str
    service: str
    service_port: int
    tls: str
    proxy_protocol: bool
    allow_from: tuple[str, ...]
    timeout: int
    balance: str


def streams_from(items: Sequence[dict[str, Any]]) -> tuple[StreamEntry, ...]:
    """From what the schema read."""
    return tuple(
        StreamEntry(key=f"streams[{index}]", **{**item, "allow_from": tuple(network for network in item["allow_from"] if network)})
        for index, item in enumerate(items)
    )
