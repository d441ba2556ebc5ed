# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the databases are that exporters measure: written by whoever follows Docker's events, read by what starts the exporters.

A container that is replaced has another address, and one that is started again may have lost what it knew of a role: either is another
place. Fail static: an exporter goes on with the last place while no container serves.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from ..containers.client import Container
from ..contracts.database_exporters import FOLDER, DatabaseExporter
from ..core.atomic_files import read_text, understood, write_atomic

CONFIGURATION = Path(FOLDER)
# Both are gone after a boot, as the containers' addresses are. The first has no secret in it; the folder of the second has.
PLACES = Path("/run/latentum-ops-database-places.json")
APPLIED = Path("/run/latentum-ops-databases/applied.json")


AGAIN = 30.0  # seconds after which what was not taken over is written once more


class ContainerSource(Protocol):
    """What is needed of an engine, or of a picture of it."""

    def containers(self, project: str) -> list[Container]:
        """The containers of a project's services."""


@dataclass(frozen=True)
class Place:
    """Where a server is, and since when it is the same one."""

    address: str
    container: str
    started: str


def load() -> list[DatabaseExporter]:
    """All exporters of databases that the stacks of this host declare.

    :raises ValueError: a file cannot be understood; the message names it.
    """
    exporters: list[DatabaseExporter] = []
    for file in sorted(CONFIGURATION.glob("*.json")):
        with understood(file):
            exporters += [DatabaseExporter.from_dict(item, tolerant=True) for item in json.loads(file.read_text())]
    return exporters


def places(source: ContainerSource, exporters: Sequence[DatabaseExporter], known: Mapping[str, Place]) -> dict[str, Place]:
    """The place of each by its name; none of those that never had one."""
    found = {}
    by_stack: dict[str, list[Container]] = {}
    for exporter in exporters:
        if exporter.stack not in by_stack:
            by_stack[exporter.stack] = source.containers(exporter.stack)
        serving = (
            Place(address, container.id, container.started_at)
            for container in by_stack[exporter.stack]
            if container.service == exporter.service and container.serves and (address := container.address())
        )
        if place := next(serving, known.get(exporter.name)):
            found[exporter.name] = place
    return found


def read(path: Path) -> dict[str, Place]:
    """What a file says; nothing where there is none, or it is damaged: it is written anew."""
    try:
        raw = json.loads(read_text(path) or "{}")
        return {str(name): Place(*(str(item[field]) for field in ("address", "container", "started"))) for name, item in raw.items()}
    except (ValueError, TypeError, KeyError, AttributeError):
        return {}


def written(found: Mapping[str, Place]) -> str:
    """The content of a file."""
    as_data: dict[str, Any] = {name: asdict(place) for name, place in sorted(found.items())}
    return json.dumps(as_data, indent=1) + "\n"


def follow(source: ContainerSource) -> bool:
    """Write where they are now, and again while what starts exporters has not taken it over; whether anything was written.

    :raises ValueError: a file of the configuration cannot be understood.
    :raises OSError: it cannot be written.
    """
    exporters = load()
    if not exporters and not PLACES.exists():
        return False
    known = read(PLACES)
    found = places(source, exporters, known)
    if found == known and PLACES.exists() and (read(APPLIED) == found or time.time() - PLACES.stat().st_mtime < AGAIN):
        return False
    write_atomic(PLACES, written(found), 0o644, os.geteuid(), os.getegid())  # root's, or the watchdog's
    return True
