# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets of files that are as their last run left them, so that the same request needs no look at the host.

A run that has brought a set about records which request that was, and a fingerprint of all that it had looked at. One look of the preflight
compares the fingerprints of all sets; the action of module config_set then goes to the host only where a request is another one, or where
somebody has changed a file since. What the request wants is not looked at here: that the same one would change nothing is known, because
it has changed nothing at the end of its last run.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..core.versioned_json import NewerState, known_fields, read_state, write_state
from . import revert_timer
from .entries import find, identity, purged

FOLDER = Path("/var/lib/latentum-ops/settled-sets")
# What a record of another shape, or an owner that is gone (EntryError), leads to; a record only spares a look.
_UNREADABLE = (ValueError, TypeError, KeyError, AttributeError)


@dataclass(frozen=True)
class Looked:
    """What a request makes a run look at, and how it was at its end.

    :ivar request: digest of the request; whoever makes the request chooses it.
    :ivar paths: of files, links and directories that it names.
    :ivar purge: ``directory``, ``pattern`` and ``recursive``.
    :ivar users: names of owners, whose numbers the host decides; likewise `groups`.
    :ivar fingerprint: of all this.
    """

    request: str
    paths: Sequence[str] = ()
    purge: Sequence[Mapping[str, Any]] = ()
    users: Sequence[str] = ()
    groups: Sequence[str] = ()
    fingerprint: str = ""

    def now(self) -> str:
        """The fingerprint as it would be now.

        :raises EntryError, OSError: something is there that cannot be looked at, or an owner is gone.
        """
        digest = hashlib.sha256()
        for path in (*self.paths, *(str(entry.path) for entry in purged(self.purge, [Path(path) for path in self.paths]))):
            state = find(Path(path))
            content = hashlib.sha256(state.content).hexdigest()
            digest.update(json.dumps([path, state.kind, content, state.mode, state.uid, state.gid, state.target]).encode())
        for key, names in (("owner", self.users), ("group", self.groups)):
            digest.update(json.dumps([key, *((name, identity("", key, name)) for name in names)]).encode())
        return digest.hexdigest()


def remember(
    name: str, request: str, files: Iterable[Mapping[str, Any]], purge: Sequence[Mapping[str, Any]], recorded: Iterable[Path] = ()
) -> None:
    """Record that a set is as this request wants it. With an empty request, or while its change waits for confirmation, it is forgotten.

    :param files: the entries as the module takes them.
    :param recorded: further files that were written with them.
    :raises EntryError: the name cannot be one of a file.
    """
    revert_timer.require_name(name)
    path = FOLDER / f"{name}.json"
    if not request or revert_timer.kept(name):
        path.unlink(missing_ok=True)
        return
    files = list(files)
    users, groups = (sorted({str(file.get(key) or "root") for file in files}) for key in ("owner", "group"))
    paths = [str(path) for path in (*(file["path"] for file in files), *recorded)]
    looked = Looked(request, paths, list(purge), users, groups)
    record = {**asdict(looked), "fingerprint": looked.now()}
    if _read(path) != known_fields(Looked, record):
        FOLDER.mkdir(parents=True, exist_ok=True, mode=0o700)
        with contextlib.suppress(NewerState):
            write_state(path, record, 0o600)


def settled() -> dict[str, str]:
    """The request by name, of each set that is as that request left it."""
    names = (path.stem for path in sorted(FOLDER.glob("*.json")))
    records = ((name, _read(FOLDER / f"{name}.json")) for name in names if not revert_timer.kept(name))
    return {name: looked.request for name, looked in records if looked and _is_as_it_was(looked)}


def _is_as_it_was(looked: Looked) -> bool:
    try:
        return looked.now() == looked.fingerprint
    except (OSError, *_UNREADABLE):
        return False


def _read(path: Path) -> Looked | None:
    """The record; None where there is none that can be read, which costs a look at the host and nothing else."""
    with contextlib.suppress(OSError, *_UNREADABLE):
        record = read_state(path, None)
        return known_fields(Looked, record) if record else None
    return None
