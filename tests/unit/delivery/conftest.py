# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.core import atomic_files, locks, paths, progress
from ansible_collections.latentum.ops.plugins.module_utils.delivery.queue import Queue


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The places of a host, in a folder of the test."""
    for name, folder in {"RELEASES": "stacks", "DELIVERIES": "delivery", "DELIVERED": "releases", "SECRETS": "secrets"}.items():
        monkeypatch.setattr(paths, name, tmp_path / folder)
    monkeypatch.setattr(progress, "FOLDER", tmp_path / "run")
    monkeypatch.setattr(locks, "FOLDER", tmp_path / "locks")
    if os.geteuid() != 0:  # files are written as on a host, but only root may give them to root
        monkeypatch.setattr(atomic_files.os, "fchown", lambda *_given: None)
    return tmp_path


@pytest.fixture
def queue(places: Path) -> Queue:
    made = Queue(places / "delivery")
    made.prepare()
    return made
