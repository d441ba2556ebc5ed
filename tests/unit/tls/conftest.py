# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A folder in place of a host, and what is played on it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.entries import Entry
from ansible_collections.latentum.ops.plugins.module_utils.tls.certificates import Layout

from .host import Host


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """A host of our own; files belong to whoever runs the tests."""
    real = Entry.__init__

    def mine(self: Entry, *args: Any, **kwargs: Any) -> None:
        real(self, *args, **{"uid": os.getuid(), "gid": os.getgid(), **kwargs})

    monkeypatch.setattr(Entry, "__init__", mine)
    (tmp_path / "etc").mkdir()
    return Layout(tls=tmp_path / "etc/latentum-ops/tls", letsencrypt=tmp_path / "etc/letsencrypt")


@pytest.fixture
def host(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> Host:
    """A host whose certbot refuses nothing; the transaction of the links runs its commands here, too."""
    made = Host(layout)
    monkeypatch.setattr("ansible_collections.latentum.ops.plugins.module_utils.hostconfig.transaction.run", made)
    return made
