# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is declared of the metrics of a service, read and typed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Metrics:
    """What is written; queries and keys as mappings as the schema read them."""

    kind: str | None = None
    exporter_port: int | None = None
    port: int | None = None
    user: str = ""
    password_secret: str = ""
    database: str = ""
    tls: bool = False
    timeout: float = 5
    queries: Mapping[str, Mapping[str, Any]] | None = None
    keys: tuple[Mapping[str, Any], ...] = ()


def metrics_from(item: Mapping[str, Any] | None) -> Metrics | None:
    """From what the schema read; nothing where nothing is declared."""
    return None if item is None else Metrics(**{**item, "keys": tuple(item["keys"])})
