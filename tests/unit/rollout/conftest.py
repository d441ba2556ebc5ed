# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.core import atomic_files, paths, progress


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The state of stacks in a folder of the test, owned by whoever runs it."""
    folder = tmp_path / "stacks"
    monkeypatch.setattr(paths, "RELEASES", folder)

    if os.geteuid() != 0:  # files are written as on a host, but only root may give them to root
        monkeypatch.setattr(atomic_files.os, "fchown", lambda *_given: None)
    monkeypatch.setattr(progress, "FOLDER", tmp_path / "run")
    return folder
