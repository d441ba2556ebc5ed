# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file that a container goes on with: another content in the same file, and nothing that says it was changed."""

from __future__ import annotations

import os
from pathlib import Path

from ansible_collections.latentum.ops.plugins.module_utils.secretstore.in_place import write_in_place


def test_the_file_stays_the_same_one(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("the first value")
    file.chmod(0o400)
    os.utime(file, (1_700_000_000, 1_700_000_000))
    mounted = file.open()  # as a bind mount has it
    before = file.stat()
    for content in ("a value that is longer than the first", "short", "short"):
        differs = file.read_text() != content
        assert write_in_place(file, content.encode()) is differs
        mounted.seek(0)
        assert mounted.read() == content
    after = file.stat()
    assert (after.st_ino, after.st_mode, after.st_mtime_ns) == (before.st_ino, before.st_mode, before.st_mtime_ns)
    mounted.close()
