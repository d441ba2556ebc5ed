# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records that a sink has refused for good: which, and why. Their texts are in the tree."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path

from ...core.masking import line
from ...core.times import moment
from .entries import Entry, compact

LARGEST = 4 << 20  # bytes of a file; there is one before it


def note(path: Path, rejected: Iterable[tuple[Entry, str]]) -> None:
    """Append records.

    :raises OSError: they cannot be written.
    """
    if path.exists() and path.stat().st_size > LARGEST:
        path.replace(path.with_suffix(".jsonl.1"))
    lines = []
    for entry, reason in rejected:
        about = {"at": moment(time.time()), "day": entry.day, **entry.labels(), "source": entry.source, "number": entry.number}
        lines.append(compact({**about, "reason": line(reason, 300)}) + "\n")
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        os.write(file, "".join(lines).encode(errors="backslashreplace"))
    finally:
        os.close(file)
