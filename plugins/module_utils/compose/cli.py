# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The few things that the engine asks of `docker compose`, as argv lists."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..core.atomic_files import write_atomic
from ..core.process import CommandError, Result, run

PULL_TIMEOUT = 1800.0
UP_TIMEOUT = 300.0
CREATE_TIMEOUT = 900.0
_UNKNOWN_KEY = re.compile(r"additional propert(?:y|ies) '?([\w.-]+)'? (?:is )?not allowed", re.IGNORECASE)


class Compose:
    """`docker compose` for one release of one stack.

    :param folder: of the release: compose.yaml and environment.
    :param directory: of the stack, to which relative paths in the Compose file refer.
    """

    def __init__(self, stack: str, directory: str, folder: Path) -> None:
        self.stack = stack
        self.directory = directory
        self.folder = folder
        self.argv = self._argv(folder / "compose.yaml")

    def _argv(self, file: Path) -> list[str]:
        return [
            "docker",
            "compose",
            "--ansi=never",
            f"--project-name={self.stack}",
            f"--project-directory={self.directory}",
            f"--file={file}",
            f"--env-file={self.folder / 'environment'}",
        ]

    def check(self) -> None:
        """:raises CommandError: Compose refuses the file; its words are in the error."""
        Path(self.directory).mkdir(mode=0o750, parents=True, exist_ok=True)
        try:
            run([*self.argv, "config", "--quiet"])
        except CommandError as error:
            if (unknown := _UNKNOWN_KEY.search(error.stderr)) is None:
                raise
            # The controller has refused what no Compose knows.
            reason = f"refuses the key {unknown[1]}: it is newer than this CLI; remove it, or set docker_source: docker for a newer CLI"
            raise CommandError(Result(error.argv, error.rc, error.stdout, error.stderr), reason) from error

    def resolved(self) -> dict[str, Any]:
        """The project as Compose understands it: variables, files and short forms resolved. It may hold secrets of environment files.

        :raises CommandError: Compose refuses the file.
        """
        project: dict[str, Any] = _unescaped(json.loads(run([*self.argv, "config", "--format=json"]).stdout))
        return project

    def up(self, service: str, scale: int, *, recreate: bool = False) -> None:
        """Let so many containers of a service exist, stopped ones started; those that are there stay as they are."""
        how = "--force-recreate" if recreate else "--no-recreate"
        run([*self.argv, "up", "--detach", "--no-deps", how, f"--scale={service}={scale}", service], timeout=UP_TIMEOUT)

    def create(self, services: Sequence[str], *, alone: bool) -> None:
        """Start services that are not there yet, each when what it depends on is healthy.

        :param alone: some depend on services that are there already, and those must not be touched.
        """
        dependencies = ["--no-deps"] if alone else []
        run([*self.argv, "up", "--detach", "--no-recreate", *dependencies, *services], timeout=CREATE_TIMEOUT)

    def make_networks(self, networks: Mapping[str, Any], image: str) -> None:
        """Make networks before any container is in them: for a service that has none, because Compose knows networks of services only.

        :param image: one that is here.
        """
        service = {"image": image, "scale": 0, "networks": list(networks), "pull_policy": "never"}
        file = self.folder / "networks.yaml"
        write_atomic(file, json.dumps({"services": {"networks": service}, "networks": dict(networks)}) + "\n", 0o600, 0, 0)
        run([*self._argv(file), "up", "--detach", "--no-recreate", "networks"], timeout=UP_TIMEOUT)

    def once(self, service: str, command: Sequence[str], name: str, timeout: float) -> Result:
        """Run a command in a container of its own, with the image and settings of a service, to its end."""
        argv = ["run", "--rm", "--no-deps", "--no-TTY", f"--name={name}", service, *command]
        return run([*self.argv, *argv], timeout=timeout, check=False)

    def begin_once(self, project: Mapping[str, Any], file: Path, service: str, command: Sequence[str], name: str) -> None:
        """Start a container of its own in the background, with the image and settings that a project has for a service.

        :param project: in place of that of the release; it is written to `file` for the moment.
        :param command: in place of that of the service; empty for that.
        :param name: of the container.
        :raises CommandError: Compose refuses it, or the container does not start; one that was made is still there then.
        """
        write_atomic(file, json.dumps(project) + "\n", 0o600, 0, 0)
        how = ["run", "--detach", "--no-deps", "--no-TTY", "--interactive=false", f"--name={name}", service, *command]
        try:
            run([*self._argv(file), *how], timeout=CREATE_TIMEOUT, env={"COMPOSE_IGNORE_ORPHANS": "1"})
        finally:
            file.unlink(missing_ok=True)


def _unescaped(value: Any) -> Any:
    """Compose writes ``$`` as ``$$``, so that what it prints can be read as a Compose file again."""
    if isinstance(value, str):
        return value.replace("$$", "$")
    if isinstance(value, dict):
        return {name: _unescaped(item) for name, item in value.items()}
    return [_unescaped(item) for item in value] if isinstance(value, list) else value


def pull(reference: str) -> None:
    """Fetch an image.

    :raises CommandError: it does not exist, the registry does not answer, or the disk is full; nothing else was touched.
    """
    try:
        run(["docker", "pull", "--quiet", reference], timeout=PULL_TIMEOUT)
    except CommandError as error:
        output = (error.stderr or error.stdout or str(error)).strip()
        raise CommandError(
            Result(error.argv, error.rc, error.stdout, error.stderr), f"could not fetch {reference}{_advice(output)}"
        ) from error


def _advice(output: str) -> str:
    """What to look at, by what the engine said."""
    lower = output.lower()
    for words, advice in (
        (("no space left",), "the disk is full: `docker system df`, `docker image prune`"),
        (("manifest unknown", "not found"), "the registry has no such image: check the tag, or push it first"),
        (("unauthorized", "denied", "no basic auth"), "the registry refuses this host: `docker login` on it"),
        (("connection refused", "no such host", "timeout", "i/o timeout", "no route"), "the registry does not answer"),
    ):
        if any(word in lower for word in words):
            return f" ({advice})"
    return ""
