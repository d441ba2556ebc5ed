# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credentials of the receivers, the only secrets that the watchdog is given.

The store is root's alone, and the watchdog needs of it what its own messages take: the password of a mail server, the addresses of hooks.
Root copies exactly these, as the settings name them, into a folder in memory that the watchdog may read. Credentials of systemd would be
read once at the start: a secret that was rotated would be told by a restart, and one that is missing would keep the watchdog from starting.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..core import paths
from ..core.atomic_files import write_atomic
from .settings import Settings

FOLDER = Path("/run/latentum-ops-gate/credentials")
LARGEST = 1 << 16  # bytes
OPTIONS = ("url_file", "key_file", "password_file")  # of a receiver


def copy_of(file: str) -> Path:
    """Where the copy of a file of the store is."""
    return FOLDER / hashlib.sha256(file.encode()).hexdigest()[:32]


def path_of(file: str) -> Path:
    """The file to read: for root the one in the store, for the watchdog its copy."""
    return Path(file) if os.geteuid() == 0 else copy_of(file)


def named(settings: Settings) -> Iterator[str]:
    """The files of the store that the receivers of all stacks need."""
    for stack in settings.stacks:
        for alert in stack.alerts:
            yield from _of(alert.options)
        if stack.deadman:
            yield stack.deadman.url_file


def _of(options: Mapping[str, Any]) -> Iterator[str]:
    yield from (str(options[name]) for name in OPTIONS if options.get(name))


def publish(settings: Settings) -> list[str]:
    """Make the copies true, as root; the names of what was written or removed.

    :raises OSError: it cannot be done.
    """
    paths.shared_folder(FOLDER.parent, paths.LISTED)
    paths.shared_folder(FOLDER, paths.LISTED)
    wanted = {copy_of(file): Path(file) for file in named(settings)}
    changed = []
    for copy, file in wanted.items():
        try:
            content = file.read_bytes()[:LARGEST]
        except OSError:
            content = b""  # the receiver says that it is missing
        if not content:
            copy.unlink(missing_ok=True)
        elif not copy.exists() or copy.read_bytes() != content or copy.stat().st_gid != paths.watchdog_gid():
            write_atomic(copy, content, paths.READABLE, 0, paths.watchdog_gid())
            changed.append(file.name)
    for copy in set(FOLDER.iterdir()) - set(wanted):
        copy.unlink()
        changed.append(copy.name)
    return changed
