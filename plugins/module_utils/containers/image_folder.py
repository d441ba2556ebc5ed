# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A folder of an image, written to the host: by the engine's archive of a container that never runs, so the image needs no shell.

Only plain files come out. A link could lead out of the folder, and a file that begins with a dot is nobody's to ask for.
"""

from __future__ import annotations

import hashlib
import os
import tarfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO

from .api import EngineApi, EngineError, NotFound

MOST_BYTES, MOST_FILES = 512 << 20, 20000  # of all folders of one image


class ImageFolderError(Exception):
    """A folder that cannot be taken out; the message names it and says what to do."""


def unpack(api: EngineApi, image: str, folders: Mapping[str, str], target: Path, container: str) -> dict[str, str]:
    """Write folders of an image below `target`, which is empty; returns the path of each file there, and the hash of its content.

    :param folders: path below `target`, to the folder in the image.
    :param container: name of the container that is made for it and removed; one that a killed run has left goes first.
    :raises ImageFolderError: a folder is not there, or there is too much in it.
    :raises EngineError, OSError: the engine or the disk fails.
    """
    with suppress(NotFound):
        api.remove_container(container, force=True, v=True)
    config = {"Image": image, "Entrypoint": ["/never"], "Cmd": ["started"], "HostConfig": {"NetworkMode": "none"}}
    made = api.create_container(container, config)["Id"]
    files: dict[str, str] = {}
    size = 0
    try:
        for place, folder in folders.items():
            size = _folder(api, made, folder, target, place.strip("/"), files, size)
    finally:
        api.remove_container(made, force=True, v=True)
    return files


def _folder(api: EngineApi, container: str, folder: str, target: Path, place: str, files: dict[str, str], size: int) -> int:
    """One of them; returns the bytes of all so far."""
    top: list[str] | None = None
    try:
        # With a dot at the end a link to a folder is followed, and a file refused.
        with api.archive(container, f"{folder.rstrip('/')}/.") as answer, tarfile.open(fileobj=answer, mode="r|") as archive:
            for member in archive:
                parts = _parts(member.name, folder)
                if top is None:
                    top = _top(member, parts, folder)
                inside = parts[len(top) :]
                if not inside or any(part.startswith(".") for part in inside):
                    continue
                name = "/".join([place, *inside])
                if member.islnk():
                    linked = "/".join([place, *_parts(member.linkname, folder)[len(top) :]])
                    if linked in files:
                        _link(target, linked, name)
                        files[name] = files[linked]
                elif member.isreg() and (content := archive.extractfile(member)):
                    size += member.size
                    if size > MOST_BYTES or len(files) >= MOST_FILES:
                        most = f"{MOST_BYTES >> 20} MiB or {MOST_FILES} files"
                        raise ImageFolderError(f"{folder}: more than {most}; name a smaller folder, or let the service give them out")
                    _folders(target / name, target)
                    files[name] = _write(target / name, content, member.mtime)
    except NotFound as error:
        raise ImageFolderError(f"{folder} is not in the image: write the folder whose content the service gives out") from error
    except tarfile.TarError as error:
        raise ImageFolderError(f"{folder}: the engine's archive of it cannot be read: {error}") from error
    except EngineError as error:
        if "not a directory" in str(error):
            raise ImageFolderError(f"{folder} is a file, not a folder") from error
        raise
    return size


def _top(member: tarfile.TarInfo, parts: list[str], folder: str) -> list[str]:
    """What stands before each path: nothing, or the name of the folder."""
    itself = parts in ([], [folder.rstrip("/").rpartition("/")[2]])
    if itself and not member.isdir():
        raise ImageFolderError(f"{folder} is a file, not a folder")
    return parts if itself else []


def _parts(name: str, folder: str) -> list[str]:
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise ImageFolderError(f"{folder}: {name!r} leads out of it; build the image anew")
    return parts


def _folders(path: Path, target: Path) -> None:
    for folder in reversed([parent for parent in path.parents if parent.is_relative_to(target)]):
        if not folder.is_dir():
            folder.mkdir()
            folder.chmod(0o755)


def _write(path: Path, content: IO[bytes], mtime: float) -> str:
    """A new file that everybody may read, with the time of the image: its ETag is the same on each host."""
    digest = hashlib.sha256()
    with open(path, "xb") as file:
        while part := content.read(1 << 16):
            digest.update(part)
            file.write(part)
        os.fchmod(file.fileno(), 0o644)
    os.utime(path, (mtime, mtime))
    return digest.hexdigest()[:32]


def _link(target: Path, linked: str, name: str) -> None:
    _folders(target / name, target)
    os.link(target / linked, target / name)
