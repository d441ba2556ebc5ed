# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A history that a person reads: one JSON object a line, on disk before what it says is done."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .atomic_files import read_text, write_atomic
from .masking import clean

KEPT = 2000  # lines


@dataclass(frozen=True)
class History:
    """The lines of one file, whose folder is there.

    :param mode: of the file.
    :param gid: its group.
    """

    path: Path
    mode: int
    gid: int

    def append(self, entry: dict[str, Any]) -> None:
        """One line more, without secrets; it is on disk when this returns."""
        cleaned = {name: clean(value) if isinstance(value, str) else value for name, value in entry.items()}
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, self.mode)
        try:
            if os.fstat(descriptor).st_size == 0:
                os.fchown(descriptor, -1, self.gid)
            os.write(descriptor, (json.dumps(cleaned) + "\n").encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def read(self, last: int = 100) -> list[dict[str, Any]]:
        """The last entries, oldest first; a line that a crash has cut off is left out."""
        entries = []
        for line in (read_text(self.path) or "").splitlines()[-last:]:
            try:
                entries.append(json.loads(line))
            except ValueError:
                continue
        return entries

    def trim(self) -> None:
        """Forget what is older than the last lines; not each time one is too many."""
        lines = (read_text(self.path) or "").splitlines(keepends=True)
        if len(lines) > 2 * KEPT:
            write_atomic(self.path, "".join(lines[-KEPT:]), self.mode, os.geteuid(), self.gid)
