# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Permissions of paths that exist, many in one look."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path

from .config_entries import EntryError


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
    """Path → (mode now, mode wanted) of the paths that exist, are no links, and differ."""
    found = {}
    for path, wanted in modes.items():
        if path.exists() and not path.is_symlink():
            now = stat.S_IMODE(path.stat().st_mode)
            if now != wanted:
                found[path] = (now, wanted)
    return found
