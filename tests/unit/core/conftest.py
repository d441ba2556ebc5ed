# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The secret store with one secret of each kind, made once: keys and hashes take their time."""

from __future__ import annotations

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.core import paths
from ansible_collections.latentum.ops.plugins.module_utils.secretstore.store import Store

from .planted import fill


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return fill(tmp_path_factory.mktemp("secrets"))


@pytest.fixture
def store(planted: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The store of this host."""
    monkeypatch.setattr(paths, "SECRETS", planted.folder.parent)
    return planted
