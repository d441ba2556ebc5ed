# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Known secrets for one masker that is not root: the socket proxy hides them in what containers wrote, and needs no right to the store.

Root writes them into memory (/run) for the group of the proxy alone, before the proxy starts and after every change of a store. The
proxy holds Docker's socket, so they tell it nothing that it could not read anyway; the watchdog, which it serves, can read neither.
"""

from __future__ import annotations

import grp
import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path

from . import known_secrets
from .atomic_files import write_atomic
from .locks import file_lock
from .masking import Masker

FOLDER = Path("/run/latentum-ops-known-secrets")
GROUP = "latentum-socket-proxy"
_NAME = "values.json"


def publish(folder: Path | None = None) -> None:
    """Write them anew (as root).

    :raises OSError: they cannot be written.
    :raises KeyError: there is no such group: nobody wants them.
    """
    folder = folder or FOLDER
    group = grp.getgrnam(GROUP).gr_gid
    folder.mkdir(mode=0o750, exist_ok=True)
    with file_lock(folder):  # who looked later must write later
        os.chown(folder, 0, group)
        folder.chmod(0o750)
        stamp = known_secrets.stamp()
        content = {"of": _digest(stamp), "values": sorted(set(known_secrets.values(path for path, _time, _size in stamp)))}
        write_atomic(folder / _NAME, json.dumps(content), 0o440, 0, group)


def refresh() -> None:
    """Publish what was stored without anybody's word: a file that was edited by hand, a ``docker login``.

    :raises OSError: the store cannot be read, or they cannot be written.
    """
    try:
        published = json.loads((FOLDER / _NAME).read_text())["of"]
    except FileNotFoundError:
        return  # nobody wants them
    except (ValueError, KeyError, TypeError):
        published = ""
    try:
        if published != _digest(known_secrets.stamp()):
            publish()
    except known_secrets.StoreClosed as error:
        raise PermissionError(f"{error} cannot be read, so nobody knows what is to be hidden") from error


def _digest(stamp: known_secrets.Stamp) -> str:
    return hashlib.sha256(repr(stamp).encode()).hexdigest()


def publish_again() -> None:
    """After a change of a store, where anybody wants them; a proxy that does not learn of it must not keep the store from its change."""
    if FOLDER.is_dir():
        with suppress(OSError, KeyError):
            publish()


class PublishedMasker:
    """The masker of what is published now."""

    def __init__(self, folder: Path | None = None) -> None:
        self._path = (folder or FOLDER) / _NAME
        self._made: tuple[tuple[int, int, int], Masker] | None = None

    def mask(self, text: str) -> str:
        """The text without secrets.

        :raises OSError: which they are is not known: nothing may be shown.
        """
        with self._path.open("rb") as file:
            status = os.fstat(file.fileno())
            stamp, made = (status.st_mtime_ns, status.st_ino, status.st_size), self._made
            if made is None or made[0] != stamp:
                try:
                    made = stamp, Masker(map(str, json.loads(file.read())["values"]))
                except (ValueError, KeyError, TypeError) as error:
                    raise OSError(f"{self._path} is damaged: systemctl restart latentum-ops-socket-proxy") from error
                self._made = made
        return made[1].mask(text)
