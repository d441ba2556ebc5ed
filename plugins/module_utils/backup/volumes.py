# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The named volumes of a stack: where they are, and a copy of one moment where the declaration asks for stillness."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..containers.client import PROJECT, Container, Engine
from ..contracts.backup_settings import Volume
from ..core.process import run
from .settings import BackupError, Settings

NAME = "com.docker.compose.volume"
WAKING = 60.0  # seconds until a container that was paused is healthy again
HOOK = 600.0  # seconds that a hook may take


@dataclass(frozen=True)
class Source:
    """What is read of one volume: the folder, and whether it is a copy that nothing writes to."""

    volume: Volume
    docker: str
    mountpoint: Path
    folder: Path

    @property
    def still(self) -> bool:
        """All files are of one moment."""
        return self.folder != self.mountpoint


def locate(engine: Engine, stack: str, name: str) -> tuple[str, Path]:
    """Docker's name of a volume of the Compose file, and its folder on the host.

    :raises BackupError: it does not exist, or its driver keeps it elsewhere.
    """
    volumes = engine.api.volumes(filters={"label": [f"{PROJECT}={stack}", f"{NAME}={name}"]}).get("Volumes") or []
    if not volumes:
        raise BackupError(
            f"the volume {name} of {stack} does not exist: deploy the stack first, or write `volumes: {{{name}: {{mode: skip}}}}`"
        )
    if volumes[0].get("Driver") != "local" or (volumes[0].get("Options") or {}).get("type") not in (None, "", "none"):
        raise BackupError(
            f"the volume {name} of {stack} is not kept on this host: write `volumes: {{{name}: {{mode: skip}}}}`, and back it up there"
        )
    return str(volumes[0]["Name"]), Path(volumes[0]["Mountpoint"])


def read(engine: Engine, settings: Settings, tell: Callable[[str], None]) -> Iterator[Source]:
    """Each volume in turn. Those that want stillness are copied while nothing writes, the others are read where they are."""
    copies = settings.staging / "volumes"
    shutil.rmtree(copies, ignore_errors=True)
    for volume in settings.volumes:
        if volume.mode == "skip":
            continue
        docker, mountpoint = locate(engine, settings.stack, volume.name)
        if volume.mode == "live" and not volume.before:
            yield Source(volume, docker, mountpoint, mountpoint)
            continue
        copy = copies / volume.name
        copies.mkdir(mode=0o700, parents=True, exist_ok=True)
        tell(f"volume {volume.name}: a copy while it is still")
        with _well_again(engine, settings.stack, volume), _still(engine, settings, volume):
            run(["cp", "--archive", "--reflink=auto", "--", str(mountpoint), str(copy)], timeout=6 * 3600)
        yield Source(volume, docker, mountpoint, copy)


@contextmanager
def _still(engine: Engine, settings: Settings, volume: Volume) -> Iterator[None]:
    """Hooks around, and with mode `paused` no process of the services runs; whatever fails, all of them go on and all hooks are run."""
    users = [
        container
        for container in engine.containers(settings.stack)
        if container.service in volume.services and container.state == "running"
    ]
    with ExitStack() as afterwards:
        for argv in reversed(volume.after):
            afterwards.callback(_hook, users, volume, argv)
        for argv in volume.before:
            _hook(users, volume, argv)
        if volume.mode == "paused":
            for container in users:
                afterwards.callback(_let_go, engine, settings.stack, container)  # before: it may be paused although that failed
                engine.api.pause(container.id)
        yield


@contextmanager
def _well_again(engine: Engine, stack: str, volume: Volume) -> Iterator[None]:
    """Whoever was well before is so again afterwards: Docker calls what it has paused unhealthy until its next look.

    The lock of the stack is held meanwhile, so that the watchdog does not restart what is only waking up.
    """
    well = {container.id for container in engine.containers(stack) if container.service in volume.services and container.serves}
    yield
    end = time.monotonic() + WAKING
    while any(container.id in well and not container.serves for container in engine.containers(stack)) and time.monotonic() < end:
        time.sleep(0.5)


def _let_go(engine: Engine, stack: str, container: Container) -> None:
    try:
        engine.unpause(container)
    except Exception:
        if any(other.id == container.id and other.state == "paused" for other in engine.containers(stack)):
            raise


def _hook(users: list[Container], volume: Volume, argv: tuple[str, ...]) -> None:
    where = next((user for user in users if user.service == volume.services[0]), None)
    if where is None:
        raise BackupError(
            f"volume {volume.name}: no container of {volume.services[0]} is running, in which `{' '.join(argv)}` could be run"
        )
    run(["docker", "exec", where.name, *argv], timeout=HOOK)
