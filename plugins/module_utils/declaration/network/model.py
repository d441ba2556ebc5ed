# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Openings of the firewall, read and typed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


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
