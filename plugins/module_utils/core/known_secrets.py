# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every value in the secret stores of this host, of all stacks: a container may write what another one was given.

Read are masters, what comes with them (the clear password of an htpasswd line), consumers' copies, environment files, what was
retired, and what a value was before it was changed; beside the stores, what root's ``docker login`` keeps for registries. Left out is
what is no secret: public keys and the metadata.
"""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Generic, TypeVar

from . import env_file, paths

LARGEST = 1 << 20  # bytes of a file that can be a secret
RECHECK = 1.0  # seconds for which the store is believed not to have changed
_PUBLIC = (".pub", ".json")

Made = TypeVar("Made")
Stamp = tuple[tuple[str, int, int], ...]  # path, modification time in nanoseconds, size


class StoreClosed(Exception):
    """This process may not read the store: it cannot tell what is secret."""


def _files(folder: str) -> Iterator[os.DirEntry[str]]:
    """:raises StoreClosed: a folder is not for this user."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except PermissionError as error:
        raise StoreClosed(folder) from error
    except OSError:
        return  # there is none
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _files(entry.path)
        elif entry.is_file(follow_symlinks=False) and not entry.name.endswith(_PUBLIC):
            yield entry


def stamp() -> Stamp:
    """What the store is known by: another one when any file of it was written, made or removed.

    :raises StoreClosed: it is not for this user.
    """
    stamps = []
    for path in [*(entry.path for entry in _files(str(paths.SECRETS))), str(paths.LOGINS)]:
        try:
            status = os.stat(path, follow_symlinks=False)  # noqa: PTH116 - a Path for each file would cost more than all the rest
        except OSError:
            continue  # removed since, or nobody has logged in
        stamps.append((path, status.st_mtime_ns, status.st_size))
    return tuple(stamps)


def values(files: Iterable[str]) -> Iterator[str]:
    """The values in files of the store; what is no text is the store's own key, which no container is given.

    :raises StoreClosed: a file is not for this user.
    """
    for name in files:
        path = Path(name)
        try:
            text = path.read_bytes()[:LARGEST].decode()
        except (OSError, UnicodeDecodeError) as error:
            if isinstance(error, PermissionError) and path != paths.LOGINS:
                raise StoreClosed(name) from error
            continue
        if path == paths.LOGINS:
            yield from _logins(text)
        else:
            yield from env_file.parse(text).values() if path.suffix == ".env" and path.parent.name == "env" else (text,)


def _logins(text: str) -> Iterator[str]:
    """The passwords and tokens in Docker's ``config.json``, and each with its user as the file has them."""
    try:
        for entry in (json.loads(text).get("auths") or {}).values():
            yield str(entry.get("identitytoken") or "")
            yield (login := str(entry.get("auth") or ""))
            yield base64.b64decode(login).decode().partition(":")[2]
    except (ValueError, AttributeError):
        return  # damaged, or of a form that is not known: Docker would not know it either


class Known(Generic[Made]):
    """Something made of all known values, and made again when the store has changed.

    :ivar closed: the store is not for this process; what is made then is made of nothing.
    """

    def __init__(self, make: Callable[[Iterable[str]], Made]) -> None:
        self._make = make
        self._root: Path | None = None
        self._stamp: Stamp | None = None
        self._checked = 0.0
        self._made: Made
        self.closed = False

    def current(self) -> Made:
        """What is made of the store as it is now, or was less than `RECHECK` seconds ago."""
        now = time.monotonic()
        if self._root != paths.SECRETS or now - self._checked >= RECHECK:
            try:
                files = stamp()
                if files != self._stamp:
                    # Last of all the stamp: another thread must not believe in what is not made yet.
                    self._made = self._make(values(path for path, _time, _size in files))
                closed = False
            except StoreClosed:
                files, closed = (), True
                if files != self._stamp:
                    self._made = self._make(())
            self._root, self._stamp, self._checked, self.closed = paths.SECRETS, files, now, closed
        return self._made
