# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of images that nginx gives out itself, of the live release and of those before it.

/var/lib/latentum-ops/static/<stack>/<route>/      what nginx reads: files of several releases side by side
/var/lib/latentum-ops/stacks/<stack>/static.json   which images they are of, and since when those are live no more

Names with a hash never change their content, so nothing has to be switched: files are there before a container of their release answers,
and stay for pages that are open still. A release that is taken back, a rollback and a killed run leave nothing wrong. A name whose content
differs between two releases has no hash: nobody gets it from the disk, so the service that answers gives out its own.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ..containers.client import Engine
from ..containers.image_folder import ImageFolderError, unpack
from ..contracts.static_files import StaticFiles, folder_of, static_files_of
from ..core import paths
from ..core.versioned_json import known_fields, read_state, write_state
from .store import Release, fingerprint


@dataclass
class Source:
    """The files of one image.

    :param files: path below the folder of the route, to the hash of its content.
    :param left: since when no live release has it, epoch seconds; 0 while one does.
    """

    files: dict[str, str] = field(default_factory=dict)
    left: float = 0.0


Sources = dict[str, dict[str, Source]]  # of a stack: by the name of the route, then by image and folders


def bring(release: Release, engine: Engine, say: Callable[[str], None]) -> None:
    """Have the files of a release on the disk, before anything of it answers.

    :raises ImageFolderError: a folder cannot be taken out of its image; the message says of which service.
    :raises EngineError, OSError: the engine or the disk fails.
    """
    wanted = static_files_of(release.project)
    if not wanted:
        return
    sources = _load(release.stack)
    for files in wanted:
        there = sources.setdefault(files.name, {})
        reference = release.images.get(files.service, "")
        key = _key(files, reference, engine)
        if key not in there or _missing(release.stack, files.name, there, key):
            there[key] = Source(_take_out(release.stack, files, reference, engine))
            _merge(release.stack, files.name, there, key)
            kept = _apart(there)
            text = f"{files.service}: {len(there[key].files)} files of its image for nginx"
            say(text + (f"; not those without a hash in their name, such as {min(kept)}" if kept else ""))
        there[key].left = 0.0
        _save(release.stack, sources)


def settle(release: Release, engine: Engine) -> None:
    """The release is live: what has been no live release's for long enough goes.

    :raises EngineError, OSError: the engine or the disk fails.
    """
    sources, now = _load(release.stack), time.time()
    if not sources:
        return
    wanted = {files.name: files for files in static_files_of(release.project)}
    for name, there in list(sources.items()):
        files = wanted.get(name)
        live = _key(files, release.images.get(files.service, ""), engine) if files else ""
        for key, source in list(there.items()):
            if key == live:
                source.left = 0.0
                continue
            source.left = source.left or now
            if not files or now - source.left > files.keep:
                del there[key]
        if not there:
            del sources[name]
    # First what is known of them: whoever is killed in between leaves files too many, and the next time removes them.
    _save(release.stack, sources)
    _sweep(release.stack, sources)


def _key(files: StaticFiles, reference: str, engine: Engine) -> str:
    image = engine.image(reference) or {}
    return fingerprint([str(image.get("Id") or reference), dict(files.folders)])


def _take_out(stack: str, files: StaticFiles, reference: str, engine: Engine) -> dict[str, str]:
    """The files of an image, in a folder beside; returns what they are."""
    fresh = _fresh(stack, files.name)
    shutil.rmtree(fresh, ignore_errors=True)
    for folder in (paths.STATIC, paths.STATIC / stack, fresh):
        folder.mkdir(mode=0o755, exist_ok=True)
        folder.chmod(0o755)
    try:
        return unpack(engine.api, reference, files.folders, fresh, f"{stack}-static-files")
    except ImageFolderError as error:
        shutil.rmtree(fresh, ignore_errors=True)
        raise ImageFolderError(f"{files.service}: static.image_files: {error}") from error
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise


def _fresh(stack: str, name: str) -> Path:
    return paths.STATIC / stack / f".{name}.new"


def _merge(stack: str, name: str, there: Mapping[str, Source], key: str) -> None:
    """To where nginx reads; each file appears as a whole."""
    fresh, place = _fresh(stack, name), folder_of(stack, name)
    apart = _apart(there)
    for path in there[key].files:
        target = place / path
        if path in apart:
            target.unlink(missing_ok=True)
        elif not target.exists():
            for folder in reversed([parent for parent in target.parents if parent.is_relative_to(place)]):
                if not folder.is_dir():
                    folder.mkdir()
                    folder.chmod(0o755)
            (fresh / path).rename(target)
    shutil.rmtree(fresh, ignore_errors=True)


def _apart(there: Mapping[str, Source]) -> set[str]:
    """Paths whose content differs between images."""
    first: dict[str, str] = {}
    return {path for source in there.values() for path, digest in source.files.items() if first.setdefault(path, digest) != digest}


def _missing(stack: str, name: str, there: Mapping[str, Source], key: str) -> bool:
    """Somebody has removed files, or what kept them apart is gone."""
    apart, place = _apart(there), folder_of(stack, name)
    return any(not (place / path).is_file() for path in there[key].files if path not in apart)


def _sweep(stack: str, sources: Sources) -> None:
    """Remove what is of no image any more, and what killed runs have left."""
    top = paths.STATIC / stack
    for folder in top.iterdir() if top.is_dir() else ():
        if folder.name not in sources:
            shutil.rmtree(folder, ignore_errors=True)
            continue
        kept = {path for source in sources[folder.name].values() for path in source.files} - _apart(sources[folder.name])
        _sweep_folder(folder, kept)


def _sweep_folder(top: Path, kept: Iterable[str]) -> None:
    wanted = {top / path for path in kept}
    for path in sorted(top.rglob("*"), reverse=True):
        if path.is_dir() and not path.is_symlink():
            if not any(path.iterdir()):
                path.rmdir()
        elif path not in wanted:
            path.unlink()


def _state(stack: str) -> Path:
    return paths.RELEASES / stack / "static.json"


def _load(stack: str) -> Sources:
    """Damaged, it is made anew of the next release: what nobody knows of goes."""
    raw = read_state(_state(stack), {}, put_aside=True)
    try:
        return {name: {key: known_fields(Source, source) for key, source in there.items()} for name, there in raw.items()}
    except (AttributeError, TypeError, ValueError):
        return {}


def _save(stack: str, sources: Sources) -> None:
    write_state(_state(stack), {name: {key: asdict(source) for key, source in there.items()} for name, there in sources.items()}, 0o600)
