# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Folders of logs that are to be rotated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..schema.nodes import Problem
from .host import Host


def shared_folders(host: Host, wanted: Mapping[str, Mapping[str, Any]]) -> Iterator[Problem]:
    """A folder that others than root may write to: logrotate leaves its logs alone as root, hour by hour, and they grow."""
    for entry in wanted["log_rotation"]["files"]:
        if entry.get("su"):
            continue
        for folder in sorted({str(Path(path).parent) for path in entry["paths"]}):
            shown = host.output(["stat", "--format=%a %u %g", folder])
            if not shown:
                continue  # not there yet, or a pattern
            mode, uid, gid = shown.split()
            if int(mode, 8) & 0o002 or (int(mode, 8) & 0o020 and gid != "0"):
                problem = f"{folder} (mode {mode}, group {gid}) may be written to by others than root, and logrotate skips such logs"
                yield Problem("log_rotation_files", ", ".join(entry["paths"]), problem, f'add su: "{uid} {gid}", as whom they are rotated')
