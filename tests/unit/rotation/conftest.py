# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.core import atomic_files, locks, paths

from .played import Played


@pytest.fixture(autouse=True)
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The places of a host in a folder of the test."""
    monkeypatch.setattr(locks, "FOLDER", tmp_path / "run")
    monkeypatch.setattr(paths, "RELEASES", tmp_path / "stacks")
    monkeypatch.setattr(paths, "SECRETS", tmp_path / "secrets")
    # A disk of a test loses nothing: what is played hundreds of times would wait for it each time.
    monkeypatch.setattr(atomic_files, "sync_directory", lambda _path: None)
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)


@pytest.fixture
def played(tmp_path: Path) -> Played:
    return Played(tmp_path)
