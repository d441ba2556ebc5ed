# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module leaves on a host for the preflight of the next run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig import revert_timer, settled_sets
from ansible_collections.latentum.ops.plugins.modules import config_set


@pytest.fixture(autouse=True)
def _kept_in_the_folder_of_the_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settled_sets, "FOLDER", tmp_path / "records")
    monkeypatch.setattr(revert_timer, "FOLDER", tmp_path / "kept")


def run(file: Path, content: str, request: str, **more: Any) -> int:
    """The exit status of the module."""
    entry = {"path": str(file), "content": content, "owner": str(os.getuid()), "group": str(os.getgid())}
    with patch_module_args({"name": "trial", "files": [entry], "request": request, **more}), pytest.raises(SystemExit) as ended:
        config_set.main()
    return int(ended.value.code or 0)


def test_a_set_that_was_brought_about_is_settled_by_its_request(tmp_path: Path) -> None:
    file = tmp_path / "file"
    assert run(file, "one\n", "first", _ansible_check_mode=True) == 0
    assert settled_sets.settled() == {}, "a dry run has brought nothing about"
    assert run(file, "one\n", "first") == 0
    assert settled_sets.settled() == {"trial": "first"} and file.read_text() == "one\n"
    assert run(file, "two\n", "second", _ansible_check_mode=True) == 0
    assert settled_sets.settled() == {"trial": "first"}


def test_a_set_that_was_refused_leaves_what_was_known(tmp_path: Path) -> None:
    file = tmp_path / "file"
    assert run(file, "one\n", "first") == 0
    assert run(file, "two\n", "second", validate=[["false"]]) == 1
    assert settled_sets.settled() == {"trial": "first"} and file.read_text() == "one\n"


def test_a_sensitive_content_is_not_in_the_journal_of_the_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ansible writes the arguments of each module there, a value with line breaks in nested ones also where it is marked as secret."""
    lines: list[str] = []
    monkeypatch.setattr(config_set.AnsibleModule, "log", lambda _self, message, log_args=None: lines.append(f"{message} {log_args}"))
    file, content = tmp_path / "keys", "key = hunter2-of-the-zone\nother = 'quoted'\n"
    own = {"owner": str(os.getuid()), "group": str(os.getgid()), "mode": "0600"}
    entry = {"path": str(file), "sensitive": True, "sensitive_content": content, **own}
    with patch_module_args({"name": "trial", "files": [entry]}), pytest.raises(SystemExit) as ended:
        config_set.main()
    assert not ended.value.code and file.read_text() == content
    assert str(file) in "".join(lines) and "hunter2" not in "".join(lines)
