# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a container keeps where on the host: the folder behind a path in it, and the containers of a service."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ..containers.client import Container, Engine
from ..core.process import run
from .settings import BackupError


@dataclass(frozen=True)
class Mount:
    """A folder of the host in a container; `name` is that of its volume, empty for a bind mount."""

    name: str
    source: Path
    destination: PurePosixPath
    writable: bool


def running(engine: Engine, stack: str, service: str) -> Container:
    """The first running container of a service.

    :raises BackupError: none is running.
    """
    for container in engine.containers(stack):
        if container.service == service and container.state == "running":
            return container
    raise BackupError(f"no container of {service} is running: start it (`opsctl deploy --stack {stack}`), then try again")


def inspect(engine: Engine, container: Container) -> dict[str, Any]:
    """The engine's own description of a container."""
    raw: dict[str, Any] = engine.api.inspect_container(container.id)
    return raw


def mounts(raw: dict[str, Any]) -> list[Mount]:
    """What is mounted in a container, the longest destination first."""
    mounted = [
        Mount(mount.get("Name", "") or "", Path(mount["Source"]), PurePosixPath(mount["Destination"]), bool(mount.get("RW")))
        for mount in raw.get("Mounts", ())
        if mount.get("Type") in ("volume", "bind")
    ]
    return sorted(mounted, key=lambda mount: len(mount.destination.parts), reverse=True)


def behind(raw: dict[str, Any], inside: str) -> Path:
    """The folder of the host that a path in a container shows.

    :raises BackupError: it is in the container itself, so it would go with it.
    """
    wanted = PurePosixPath(inside)
    for mount in mounts(raw):
        if wanted.is_relative_to(mount.destination):
            return mount.source / wanted.relative_to(mount.destination)
    raise BackupError(
        f"{inside} of {raw['Name'].lstrip('/')} is in no volume: it would go with the container; give the service a volume there"
    )


def own(folder: Path, owner: tuple[int, int] | list[int]) -> None:
    """Give a tree to the user of a container."""
    run(["chown", "--recursive", f"{owner[0]}:{owner[1]}", "--", str(folder)], timeout=3600)
