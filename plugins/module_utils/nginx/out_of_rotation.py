# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers that get no traffic although Docker calls them healthy, because the watchdog saw them fail.

Root writes it as the watchdog asks for it, and the watchdog reads it. In /run: a boot starts afresh. Nothing here can empty an upstream
(module upstreams), so entries of a watchdog that died are harmless.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..core import paths
from ..core.locks import FOLDER
from ..core.versioned_json import read_state, write_state

ENDING = ".out.json"  # of the file of a stack


def _path(stack: str) -> Path:
    return FOLDER / f"{stack}{ENDING}"


def load(stack: str) -> dict[str, str]:
    """Container id to the reason."""
    read: dict[str, str] = read_state(_path(stack), {})
    return read


def stacks() -> list[str]:
    """Of whom there are entries, if only empty ones: also stacks that nobody watches any more."""
    return sorted(path.name.removesuffix(ENDING) for path in FOLDER.glob(f"*{ENDING}"))


def put(stack: str, entries: Mapping[str, str]) -> bool:
    """Write who is out; whether that changed anything.

    :raises OSError: it cannot be written.
    """
    if load(stack) == dict(entries):
        return False
    paths.shared_folder(FOLDER, paths.LISTED)
    write_state(_path(stack), dict(entries), paths.READABLE, gid=paths.watchdog_gid())
    return True
