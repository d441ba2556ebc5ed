# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inbox of the queue, from the receiver's side: a file appears whole or not at all, and never in place of another one."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..core.atomic_files import read_text, sync_directory


class Inbox:
    """What the receiver may write, and what it may tell of it.

    :param folder: of the queue.
    """

    def __init__(self, folder: Path) -> None:
        self._inbox, self._status = folder / "inbox", folder / "status"

    def put(self, name: str, document: Mapping[str, Any]) -> bool:
        """Put a document down, on disk when this returns; whether it was not there yet.

        :raises OSError: it cannot be written; nothing is there then.
        """
        temporary = self._inbox / f".{name}.{secrets.token_hex(4)}"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "w") as file:
                json.dump(document, file)
                file.flush()
                os.fsync(file.fileno())
            os.link(temporary, self._inbox / f"{name}.json")  # unlike a rename, it refuses a name that is taken
        except FileExistsError:
            return False
        finally:
            temporary.unlink(missing_ok=True)
        sync_directory(self._inbox)
        return True

    def answer(self, name: str) -> dict[str, Any] | None:
        """What is told under a name; None where nothing is, yet."""
        text = read_text(self._status / f"{name}.json")
        try:
            told = json.loads(text) if text else None
        except ValueError:
            return None
        return told if isinstance(told, dict) else None

    def waits(self, name: str) -> bool:
        """It was put down, and nobody has taken it yet."""
        return (self._inbox / f"{name}.json").exists()
