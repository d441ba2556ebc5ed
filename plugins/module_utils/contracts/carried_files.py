# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files and folders of the controller that a release brings to the host, for bind mounts and configs of its Compose project.

Each is kept under a name made of its content, which the project mounts: another content is another mount, so its services are rolled, and
a release to return to has its own.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from posixpath import normpath
from typing import Any

from ..core import paths
from .base import Contract, ContractError, option

MOST_BYTES = 4 << 20  # of all that a release carries: it goes through Ansible as arguments of one module


@dataclass(frozen=True)
class CarriedFile(Contract):
    """One file."""

    content: str = option("Its bytes, by base64.")
    path: str = option("Its path in the folder; empty where the whole is one file.", "")
    mode: str = option("Its permissions, in octal.", "0644")

    @property
    def data(self) -> bytes:
        """The bytes.

        :raises ContractError: it is no base64.
        """
        try:
            return base64.b64decode(self.content, validate=True)
        except binascii.Error:
            raise ContractError(f"content of {self.path or 'a file'}: is no base64") from None


@dataclass(frozen=True)
class Carried(Contract):
    """A file, or a folder with all that is in it."""

    digest: str = option("Twelve hexadecimal digits of its content.")
    name: str = option("Its name, the last part of its path.")
    files: tuple[CarriedFile, ...] = option("What is in it.")
    owner: int = option("User that owns it, by number.", 0, least=0)
    group: int = option("Group that owns it, by number.", 0, least=0)

    def check(self, key: str) -> None:
        """:raises ContractError: a digest of another content, or a path that leads out of the folder."""
        for path in (self.name, *(file.path for file in self.files if file.path)):
            if path.startswith("/") or normpath(path) != path or path in (".", "..") or path.startswith("../"):
                raise ContractError(f"{key}: {path} is not a path inside the folder")
        wanted = digest_of(self.name, self.files, self.owner, self.group)
        if self.digest != wanted:
            raise ContractError(f"{key}.digest: {self.digest} is not that of its content, which is {wanted}")

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return not any(file.path == "" for file in self.files)


SIGNALS = ("HUP", "USR1", "USR2")
EXTENSION = "x-latentum-ops"  # of a project: what Compose does not look at


@dataclass(frozen=True)
class Reload(Contract):
    """A file or folder that stays at one path, because its service reads it again at a signal."""

    path: str = option("Where it is mounted from.")
    source: str = option("What belongs there while this release is live.")
    service: str = option("Name of the service.")
    signal: str = option("The signal for its first process.", "HUP", choices=SIGNALS)


def reloads_of(project: Mapping[str, Any]) -> list[Reload]:
    """Those of a project."""
    given = (project.get(EXTENSION) or {}).get("reload") or ()
    return [Reload.from_dict(item, f"{EXTENSION}.reload[{index}]", tolerant=True) for index, item in enumerate(given)]


def slot(path: str) -> str:
    """In place of a digest, where a path keeps its place whatever its content."""
    return hashlib.sha256(path.encode()).hexdigest()[:12]


def digest_of(name: str, files: tuple[CarriedFile, ...], owner: int, group: int) -> str:
    """By everything that a container can see of it."""
    seen = [[file.path, file.mode, hashlib.sha256(file.data).hexdigest()] for file in sorted(files, key=lambda file: file.path)]
    return hashlib.sha256(json.dumps([name, owner, group, seen], separators=(",", ":")).encode()).hexdigest()[:12]


def place(stack: str, digest: str, name: str) -> Path:
    """Where it is on the host."""
    return paths.RELEASES / stack / paths.FILES / digest / name
