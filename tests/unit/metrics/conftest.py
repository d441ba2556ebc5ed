# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host with one container in each layout of control groups."""

from __future__ import annotations

from pathlib import Path

import pytest

from .trees import LAYOUTS, Tree


@pytest.fixture(params=LAYOUTS)
def tree(request: pytest.FixtureRequest, tmp_path: Path) -> Tree:
    return Tree(tmp_path, request.param)


@pytest.fixture(params=["v1", "v2"])
def plain(request: pytest.FixtureRequest, tmp_path: Path) -> Tree:
    """For what takes long, and does not depend on names of groups."""
    return Tree(tmp_path, request.param)
