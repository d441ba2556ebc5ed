# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What module compose_rollout needs to know of files, and the paths at which the project finds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ...compose.model import Compose
from ...compose.syntax import Mount
from ...contracts.carried_files import Reload, place, slot
from ..model import Declaration
from .model import FileEntry, entry_for, normal


def carried_files(declaration: Declaration) -> list[dict[str, Any]]:
    """What a release carries, each thing once."""
    by_digest = {entry.carried.digest: entry.carried.to_dict() for entry in declaration.files.values() if entry.carried}
    return list(by_digest.values())


def host_path(stack: str, entries: Mapping[str, FileEntry], path: str) -> str:
    """The path on the host of what is carried for a path of the Compose file; empty when nothing is."""
    entry = entry_for(entries, path)
    if entry is None or entry.carried is None:
        return ""
    target = place(stack, slot(entry.path) if entry.service else entry.carried.digest, entry.carried.name)
    inside = normal(path) if entry.path == "." else normal(path)[len(entry.path) :].lstrip("/")
    return str(target / inside)


def reloads(declaration: Declaration) -> list[dict[str, Any]]:
    """What stays at its place, and which service is told when it changes."""
    return [
        Reload(
            str(place(declaration.name, slot(entry.path), entry.carried.name)),
            str(place(declaration.name, entry.carried.digest, entry.carried.name)),
            entry.service,
            entry.signal,
        ).to_dict()
        for entry in declaration.files.values()
        if entry.carried and entry.service
    ]


def read_only_mounts(compose: Compose, entries: Mapping[str, FileEntry]) -> Compose:
    """The Compose file with what is carried mounted read-only, as the project has it: it is no state that two containers could spoil."""

    def judged(mount: Mount) -> Mount:
        entry = entry_for(entries, mount.source) if mount.kind == "bind" and not mount.source.startswith(("/", "~")) else None
        return replace(mount, read_only=True) if entry is not None and entry.carried is not None else mount

    if not entries:
        return compose
    services = {name: replace(service, mounts=tuple(map(judged, service.mounts))) for name, service in compose.services.items()}
    return replace(compose, services=services)
