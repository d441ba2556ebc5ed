# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host, and servers that end with the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .sites import STORES, Site
from .stand_ins import Server, Store


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Start a stand-in, by its kind or of a store."""
    servers: list[Server] = []

    def start(store: str | Store, **more: Any) -> Server:
        servers.append(Server(STORES[store]() if isinstance(store, str) else store, **more).start())
        return servers[-1]

    yield start
    for server in servers:
        server.gate.set()
        server.stop()
