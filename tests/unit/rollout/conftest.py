# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.core import paths, progress
from ansible_collections.latentum.ops.plugins.module_utils.nginx import traffic_plan
from ansible_collections.latentum.ops.plugins.module_utils.release import journal as release_journal
from ansible_collections.latentum.ops.plugins.module_utils.release import store as release_store
from ansible_collections.latentum.ops.plugins.module_utils.rollout import standby


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The state of stacks in a folder of the test, owned by whoever runs it."""
    folder = tmp_path / "stacks"
    monkeypatch.setattr(paths, "RELEASES", folder)

    def write(path: Path, content: str, _mode: int, _uid: int, _gid: int) -> None:
        path.write_text(content)

    for module in (release_store, release_journal, traffic_plan, standby):
        monkeypatch.setattr(module, "write_atomic", write)
    monkeypatch.setattr(progress, "FOLDER", tmp_path / "run")
    return folder
