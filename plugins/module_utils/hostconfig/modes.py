# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Permissions of paths that exist, many in one look."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from .entries import EntryError


def parse_modes(raw: Mapping[str, str]) -> dict[Path, int]:
    """Octal texts as numbers.

    :raises EntryError: a relative path or a mode that is not octal.
    """
    modes = {}
    for path, mode in raw.items():
        if not str(path).startswith("/"):
            raise EntryError(f"paths: {path!r} is not absolute: write it from the root")
        try:
            modes[Path(str(path))] = int(str(mode), 8)
        except ValueError as error:
            raise EntryError(f'paths: mode {mode!r} of {path} is not octal: write a quoted number like "0640"') from error
    return modes


def differing(modes: Mapping[Path, int]) -> dict[Path, tuple[int, int]]:
    """Path → (mode now, mode to be) of the paths that exist, are no links, and allow more than they may."""
    excessive: dict[Path, tuple[int, int]] = {}
    for pattern, limit in modes.items():
        for path in _existing(pattern):
            now = stat.S_IMODE(path.lstat().st_mode)
            if now & ~limit:
                excessive[path] = (now, now & limit)
    return excessive


def _existing(pattern: Path) -> Iterator[Path]:
    """What the path, or the shell pattern, stands for; links are left alone."""
    paths = Path("/").glob(str(pattern).lstrip("/")) if any(letter in str(pattern) for letter in "*?[") else (pattern,)
    yield from (path for path in paths if path.exists() and not path.is_symlink())
