# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A build by BuildKit: ``docker compose build`` for a project of one service.

Compose has BuildKit's client in it, so no further program is needed beside what the roles install; from version 5 on it asks buildx.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..compose.paths import literal
from ..contracts.image_build import ImageBuild
from ..core.atomic_files import write_atomic
from ..core.masking import mask
from ..core.process import CommandError, Result, follow, run
from ..core.progress import Progress
from .access import BuildRefused, masker_of, place_of, secret_text
from .context import Context
from .low_priority import slowed
from .repository import LOW_PRIORITY

REVISION = "org.opencontainers.image.revision"  # annotations of the OCI image specification
SOURCE, VERSION = "org.opencontainers.image.source", "org.opencontainers.image.version"
PUSH_TIMEOUT = 1800.0
LAST = 20  # lines of a failed build in its message
BUILDX_FROM = 5  # version of Compose that builds by buildx alone
_ENVIRONMENT = {
    "DOCKER_BUILDKIT": "1",
    "COMPOSE_BAKE": "false",  # Compose 2.37 and later would ask buildx, and complain where there is none
    "BUILDX_NO_DEFAULT_ATTESTATIONS": "1",  # with the time of the build in it, each one would be another digest
    "BUILDX_GIT_INFO": "false",
}
_STEP = re.compile(r"#\d+ \[[^\]]*\d+/\d+\] .*")


class BuildFailed(Exception):
    """A build that did not come to its end; no image was made, and the message has its last lines."""


def project(stack: str, build: ImageBuild, reference: str, commit: str, context: Context) -> dict[str, Any]:
    """The Compose project; Compose resolves variables in it, of which there must be none left."""
    labels = {**(build.options.get("labels") or {}), SOURCE: build.repository, VERSION: build.revision, REVISION: commit}
    section: dict[str, Any] = {**build.options, "context": str(context.folder), "labels": labels}
    if context.dockerfile is not None:
        section["dockerfile"] = str(context.dockerfile)
    if build.target:
        section["target"] = build.target
    if build.args:
        section["args"] = dict(build.args)
    if build.secrets:
        section["secrets"] = list(build.secrets)
    if build.ssh:
        section["ssh"] = [f"default={place_of(stack, build.ssh)}"]
    made: dict[str, Any] = {"services": {build.service: {"image": reference, "build": section}}}
    if build.secrets:
        made["secrets"] = {name: {"file": str(place_of(stack, place))} for name, place in build.secrets.items()}
    escaped: dict[str, Any] = _literal(made)
    return escaped


def _literal(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _literal(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_literal(item) for item in value]
    return literal(value) if isinstance(value, str) else value


def require_builder() -> None:
    """:raises BuildRefused: Compose of this host cannot build as it is."""
    version = run(["docker", "compose", "version", "--short"]).stdout.strip().lstrip("v")
    major = version.partition(".")[0]
    if major.isdigit() and int(major) >= BUILDX_FROM and run(["docker", "buildx", "version"], check=False).rc != 0:
        fix = "add its package to stack_build_packages (docker-buildx-plugin of Docker, docker-buildx of the distribution)"
        raise BuildRefused(f"Compose {version} of the host that builds needs buildx, which is not installed: {fix}")


def build_image(stack: str, build: ImageBuild, reference: str, commit: str, context: Context, work: Path, progress: Progress) -> None:
    """Build an image and give it its tag.

    :param work: a folder for the project's file, outside of the context.
    :raises BuildFailed: with the last lines of the build.
    """
    places = {**build.secrets, **({"ssh": build.ssh} if build.ssh else {})}
    values = [secret_text(stack, place, f"builds.{build.service}.{name}") for name, place in places.items()]
    file = work / "build.json"
    write_atomic(file, json.dumps(project(stack, build, reference, commit, context)) + "\n", 0o600, 0, 0)
    argv = [
        *LOW_PRIORITY,
        *("docker", "compose", "--ansi=never", "--progress=plain"),
        f"--project-name={stack}-build",
        f"--project-directory={work}",
        f"--file={file}",
        "--env-file=/dev/null",
        *("build", build.service),
    ]
    try:
        with slowed():
            follow(argv, teller(build.service, values, progress), env=_ENVIRONMENT, timeout=build.timeout)
    except CommandError as error:
        raise BuildFailed(_failure(build, commit, error, values)) from None


def teller(service: str, values: list[str], progress: Progress) -> Callable[[str], None]:
    """What takes each line of a build: its steps are shown at once, what they write now and then."""

    masker = masker_of(values)

    def tell(line: str) -> None:
        shown = mask(masker.mask(line)).strip()
        if _STEP.fullmatch(shown):
            progress.say(f"build {service}: {shown[:200]}")
        elif shown:
            progress.wait(f"build {service}: {shown[:200]}")

    return tell


def _failure(build: ImageBuild, commit: str, error: CommandError, values: list[str]) -> str:
    lines = [line for line in masker_of(values).mask(error.stdout).splitlines() if line.strip()]
    what = (
        f"did not end within {build.timeout:g} s (builds.{build.service}.timeout)"
        if error.rc == 124
        else f"failed (exit status {error.rc})"
    )
    return "\n".join(
        [f"the build of {build.service} from {build.revision} ({commit}) {what}; nothing was changed. It wrote last:", *lines[-LAST:]]
    )


def push_image(reference: str) -> None:
    """:raises CommandError: the registry does not take it."""
    try:
        run([*LOW_PRIORITY, "docker", "push", "--quiet", reference], timeout=PUSH_TIMEOUT)
    except CommandError as error:
        registry = reference.partition("/")[0]
        reason = f"could not push; if {registry} refuses this host: `docker login {registry}` as root on it"
        raise CommandError(Result(error.argv, error.rc, error.stdout, error.stderr), reason) from error
