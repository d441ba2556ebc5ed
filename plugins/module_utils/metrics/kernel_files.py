# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of the kernel (cgroup, proc), any of which may vanish, or never have been there, between a listing and a read."""

from __future__ import annotations

import os

CHUNK = 65536  # bytes of one read; nearly every file is read whole by it
DIGITS = 20  # of the largest count
MOST = 1 << 20  # bytes of one file


def read(folder: str | None, name: str) -> str:
    """What a file holds; empty where there is none, where it may not be read, and where its cgroup was removed meanwhile (ENODEV)."""
    if folder is None:
        return ""
    try:
        handle = os.open(f"{folder}/{name}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        content = part = os.read(handle, CHUNK)
        while part and len(content) < MOST:  # these files come in pieces
            part = os.read(handle, CHUNK)
            content += part
    except OSError:
        return ""
    finally:
        os.close(handle)
    return content.decode(errors="replace")


def number(text: str) -> int | None:
    """A count of 64 bits as the kernel writes it; None for `max`, for what is negative, and for anything else."""
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= DIGITS else None


def table(text: str) -> dict[str, int]:
    """Lines of a key and a count; other lines are left out."""
    counts = {}
    for line in text.splitlines():
        key, _space, value = line.partition(" ")
        if (count := number(value)) is not None:
            counts[key] = count
    return counts
