# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container that exists only to prove something: the image and the settings of a real one, no network, other data."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..containers.client import Engine
from ..core.masking import foreign
from . import container_files
from .settings import BackupError

LABEL = "com.latentum.ops.throwaway"
GRACE = 300  # seconds in which a database writes down what it holds in memory


def remove_all(engine: Engine, stack: str, use: str = "") -> None:
    """Remove what a killed run of the same use left behind."""
    for container in engine.api.containers(all=True, filters={"label": f"{LABEL}={_whose(stack, use)}"}):
        engine.api.remove_container(container["Id"], force=True, v=True)


def _whose(stack: str, use: str) -> str:
    return f"{stack}.{use}" if use else stack  # no name of a stack holds a dot


@contextmanager
def like(
    engine: Engine,
    raw: Mapping[str, Any],
    stack: str,
    name: str,
    data: Path,
    inside: str,
    *,
    command: list[str] | None = None,
    use: str = "",
) -> Iterator[str]:
    """Run a container with the image, user, environment and read-only files of another one; its name.

    :param raw: the other one, as the engine describes it.
    :param data: folder of the host that takes the place of the path `inside`.
    :param command: instead of the image's entry point and command.
    :param use: what it is for besides a verification; those of different uses do not disturb each other.
    """
    config, host = raw["Config"], raw["HostConfig"]
    binds = [f"{data}:{inside}:rw"]
    for mount in container_files.mounts(dict(raw)):
        if not mount.writable and not mount.name:  # its configuration and its secrets, never its data
            binds.append(f"{mount.source}:{mount.destination}:ro")
    # Secrets that Compose mounts are read-only binds; volumes of the image that are not given get empty ones, removed with it.
    full = "-".join(filter(None, ("latentum-ops-throwaway", stack, name, use)))
    same = {key: config[key] for key in ("Env", "User", "StopSignal", "WorkingDir") if config.get(key)}
    limits = {key: host[key] for key in ("Init", "Memory", "ShmSize", "Tmpfs") if host.get(key)}
    made = engine.api.create_container(
        full,
        {
            **same,
            "Image": raw["Image"],
            "Cmd": command[1:] if command else config.get("Cmd"),
            "Entrypoint": command[:1] if command else config.get("Entrypoint"),
            "Labels": {LABEL: _whose(stack, use)},
            "NetworkDisabled": True,
            "HostConfig": {
                **limits,
                "NetworkMode": "none",
                "Binds": binds,
                "RestartPolicy": {"Name": "no"},
                "LogConfig": {"Type": "json-file", "Config": {"max-size": "10m"}},
            },
        },
    )
    try:
        engine.api.start(made["Id"])
        yield full
        # In order: what it leaves behind may become the production's.
        engine.api.stop(made["Id"], timeout=GRACE)
    finally:
        engine.api.remove_container(made["Id"], force=True, v=True)


def wait(engine: Engine, name: str, ready: Callable[[], bool], timeout: float, tell: Callable[[str], None]) -> None:
    """Until it is ready.

    :raises BackupError: it ended, or the time is up; its last words are in it.
    """
    end = time.monotonic() + timeout
    while not ready():
        state = engine.api.inspect_container(name)["State"]
        if not state.get("Running"):
            raise BackupError(f"{name} ended with exit code {state.get('ExitCode')}: {last_words(engine, name)}")
        if time.monotonic() > end:
            raise BackupError(f"{name} was not ready within {timeout:.0f} s: {last_words(engine, name)}")
        tell(f"{name} is starting: {last_words(engine, name, 1)}")
        time.sleep(0.5)


def last_words(engine: Engine, name: str, lines: int = 8) -> str:
    """The end of what it wrote, without secrets."""
    return " / ".join(foreign(engine.api.logs(name, tail=lines)).split("\n"))[-800:].strip(" /")
