# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file systems of this machine."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.latentum.ops.plugins.module_utils.status.disks import disks


def test_a_file_system_is_there_once() -> None:
    seen = disks()
    assert seen[0]["mount"] == "/" and len({Path(disk["mount"]).stat().st_dev for disk in seen}) == len(seen)
    assert all(0 < disk["used"] < disk["size"] and 0 <= disk["percent"] <= 100 and 0 <= disk["inodes_percent"] <= 100 for disk in seen)
