# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils import progress, release_journal, releases, traffic, warm


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The state of stacks in a folder of the test, owned by whoever runs it."""
    folder = tmp_path / "stacks"
    for module in (releases, release_journal, traffic, warm):
        monkeypatch.setattr(module, "STATE", folder)

    def write(path: Path, content: str, _mode: int, _uid: int, _gid: int) -> None:
        path.write_text(content)

    for module in (releases, release_journal, traffic, warm):
        monkeypatch.setattr(module, "write_atomic", write)
    monkeypatch.setattr(progress, "FOLDER", tmp_path / "run")
    return folder
