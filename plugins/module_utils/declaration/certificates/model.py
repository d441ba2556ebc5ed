# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates that an operator brings, read and typed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class CertificateEntry:
    """A certificate and the domains of the sites that have it."""

    key: str
    domains: tuple[str, ...]
    chain: str
    chain_file: str
    ca: str
    key_secret: str
    key_file: str


def certificates_from(items: Sequence[dict[str, Any]]) -> tuple[CertificateEntry, ...]:
    """From what the schema read."""
    return tuple(
        CertificateEntry(
            key=f"certificates[{index}]",
            domains=tuple(name for name in item["domains"] if name),
            **{name: item[name] or "" for name in ("chain", "chain_file", "ca", "key_secret", "key_file")},
        )
        for index, item in enumerate(items)
    )
