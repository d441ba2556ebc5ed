# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What releases of a stack carry with them, on the host: written under a name made of the content, before a release that mounts it.

/var/lib/latentum-ops/stacks/<stack>/files/<digest>/<name>   a file, or a folder
/var/lib/latentum-ops/stacks/<stack>/files/<slot>/<name>     a copy of one of them, of the live release, for a service that reloads it
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..contracts.carried_files import Carried, CarriedFile, Reload, place, reloads_of
from ..core import paths
from ..core.atomic_files import sync_directory, write_atomic

UNTOLD = ".untold"  # beside a file whose service has not been told of its change


def put(stack: str, carried: Iterable[Carried]) -> list[Path]:
    """Write what is not there yet, and put right what somebody has changed by hand. Returns what was written.

    A folder appears as a whole: what a killed run leaves of it has another name.
    """
    written: list[Path] = []
    for item in carried:
        target = place(stack, item.digest, item.name)
        if target.exists():
            written += _put_right(target, item)
            continue
        beside = target.parent.with_name(f".{item.digest}.new")
        shutil.rmtree(beside, ignore_errors=True)
        _write(beside / item.name, item)
        beside.rename(target.parent)
        sync_directory(target.parent.parent)
        written.append(target)
    return written


def begin(project: Mapping[str, Any]) -> None:
    """What is reloaded in place, where it is not there yet: a container of the first release that has it must find it."""
    for item in reloads_of(project):
        if not Path(item.path).exists():
            bring(item)
            settled(item)


def differs(item: Reload) -> bool:
    """Whether something else is at its path."""
    return _tree(Path(item.source)) != _tree(Path(item.path))


def bring(item: Reload) -> bool:
    """Write what belongs at a path, into the same files, as a mount of a single file sees no other; whether its service must be told.

    A mark beside it stays until the service was told, also when whoever writes is killed.
    """
    source, target = Path(item.source), Path(item.path)
    wanted, there = _tree(source), _tree(target)
    mark = _mark(item)
    if wanted == there:
        return untold(item)
    for folder in (target.parent.parent, target.parent):
        folder.mkdir(mode=0o700, exist_ok=True)
    mark.touch()
    for path in sorted(there.keys() - wanted.keys(), reverse=True):
        (target / path).unlink()
    for path in wanted:
        _copy(source / path if path else source, target / path if path else target)
    return True


def settled(item: Reload) -> None:
    """Its service was told."""
    _mark(item).unlink(missing_ok=True)


def untold(item: Reload) -> bool:
    """Whether a run was ended between the file and the signal."""
    return _mark(item).exists()


def _mark(item: Reload) -> Path:
    return Path(item.path).parent / UNTOLD


def _tree(top: Path) -> dict[str, tuple[int, int, int, bytes]]:
    """Mode, owner, group and content of each file, by its path; that of a single file is empty."""
    files = [top] if top.is_file() else sorted(path for path in top.rglob("*") if path.is_file())
    tree = {}
    for file in files:
        stat = file.stat()
        name = "" if file == top else file.relative_to(top).as_posix()
        tree[name] = (stat.st_mode & 0o7777, stat.st_uid, stat.st_gid, file.read_bytes())
    return tree


def _copy(source: Path, target: Path) -> None:
    """Content first, and into the same file where there is one."""
    stat = source.stat()
    missing = [folder for folder in reversed(target.parents) if not folder.exists()]
    for folder in missing:
        folder.mkdir()
        folder.chmod(0o755)
        os.chown(folder, stat.st_uid, stat.st_gid)
    with target.open("r+b" if target.exists() else "xb") as file:
        file.write(source.read_bytes())
        file.truncate()
        file.flush()
        os.fsync(file.fileno())
    os.chown(target, stat.st_uid, stat.st_gid)
    target.chmod(stat.st_mode & 0o7777)


def _write(target: Path, item: Carried) -> None:
    """Folders are open to all who may enter the mount: what is private is so by the mode of the file."""
    for folder in (*reversed(target.parent.relative_to(paths.RELEASES).parents), target.parent.relative_to(paths.RELEASES)):
        (paths.RELEASES / folder).mkdir(mode=0o700, exist_ok=True)
    if item.is_folder:
        _folder(target, item)
    for file in item.files:
        path = target / file.path if file.path else target
        for parent in reversed(path.relative_to(target).parents) if file.path else ():
            if not (target / parent).is_dir():
                _folder(target / parent, item)
        _file(path, file, item)


def _folder(path: Path, item: Carried) -> None:
    path.mkdir(exist_ok=True)
    path.chmod(0o755)
    os.chown(path, item.owner, item.group)


def _file(path: Path, file: CarriedFile, item: Carried) -> None:
    write_atomic(path, file.data, int(file.mode, 8), item.owner, item.group)


def _put_right(target: Path, item: Carried) -> Iterable[Path]:
    for file in item.files:
        path = target / file.path if file.path else target
        stat = path.stat() if path.is_file() and not path.is_symlink() else None
        same = stat is not None and (stat.st_mode & 0o7777, stat.st_uid, stat.st_gid) == (int(file.mode, 8), item.owner, item.group)
        if not same or path.read_bytes() != file.data:
            path.parent.mkdir(parents=True, exist_ok=True)
            _file(path, file, item)
            yield path
