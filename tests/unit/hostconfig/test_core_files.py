# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Core dumps are known by what they are, and what only has such a name is left alone."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig import core_files

CORE = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x04\x00" + bytes(100)
BIG_ENDIAN = b"\x7fELF\x02\x02\x01" + bytes(9) + b"\x00\x04" + bytes(100)
PROGRAM = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\x00" + bytes(100)


def found(folder: Path, **limits: int) -> list[str]:
    return sorted(os.path.relpath(dump.path, folder) for dump in core_files.below(folder, **limits))


def test_dumps_are_told_from_what_has_their_name(tmp_path: Path) -> None:
    for name, content in {
        "core": CORE,
        "data/core.8": CORE,
        "data/core.redis-server.8.host": BIG_ENDIAN,
        "deep/a/b/vgcore.17": CORE,
        "python.core": CORE,
        "node_modules/core.js": b"export const core = 1;\n",
        "app/core/core.py": b"import os\n",
        "app/core/core": PROGRAM,  # a program of that name
        "lib/core.so": PROGRAM,
        "core.empty": b"",
        "core.short": CORE[:17],
        "backup.bin": CORE,  # no name of a dump: whoever keeps one so means it
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    (tmp_path / "core.link").symlink_to(tmp_path / "core")
    (tmp_path / "core.folder").symlink_to(tmp_path / "deep")
    os.mkfifo(tmp_path / "core.fifo")
    assert found(tmp_path) == ["core", "data/core.8", "data/core.redis-server.8.host", "deep/a/b/vgcore.17", "python.core"]
    assert found(tmp_path, depth=1) == ["core", "data/core.8", "data/core.redis-server.8.host", "python.core"]


def test_a_look_ends_where_it_would_take_long(tmp_path: Path) -> None:
    (tmp_path / "core").write_bytes(CORE)
    (tmp_path / "cache").mkdir()
    for number in range(50):
        (tmp_path / "cache" / f"{number}").touch()
    (tmp_path / "cache" / "core").write_bytes(CORE)
    assert found(tmp_path, entries=2) == ["core"], "the folder itself, and nothing of those below it, whose names come in any order"
    assert len(found(tmp_path)) == 2


def test_what_the_kernel_writes_is_one(tmp_path: Path) -> None:
    pattern = Path("/proc/sys/kernel/core_pattern").read_text().strip()
    if "/" in pattern or pattern.startswith("|") or not core_files.NAMED.fullmatch(pattern):
        pytest.skip(f"the kernel of this machine writes dumps elsewhere: {pattern}")
    program = f"import resource, os; resource.setrlimit(resource.RLIMIT_CORE, ({resource.RLIM_INFINITY},) * 2); os.abort()"
    ended = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=False, capture_output=True)
    assert ended.returncode == -6
    (dump,) = core_files.below(tmp_path)
    assert dump.size > 100_000 and dump.at > 0


def test_handlers_of_crashes_keep_theirs_in_other_forms(tmp_path: Path) -> None:
    (tmp_path / "core.redis.999.zst").write_bytes(b"zstd")
    (tmp_path / ".lock").touch()
    assert [Path(dump.path).name for dump in core_files.kept([str(tmp_path), "/no/such"])] == ["core.redis.999.zst"]
