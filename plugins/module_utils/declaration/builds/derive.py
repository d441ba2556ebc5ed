# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What module image_build is told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...contracts.image_build import ImageBuild, folder_inside
from ..model import Declaration
from .compose_build import PASSED, pairs, secrets, written
from .model import BuildEntry


def image_builds(declaration: Declaration) -> list[dict[str, Any]]:
    """One build a service, with what the Compose file says of it where the declaration does not."""
    return [image_build(declaration, entry).to_dict() for entry in declaration.builds.values()]


def image_build(declaration: Declaration, entry: BuildEntry) -> ImageBuild:
    """The build of one service."""
    build = written(declaration.compose, entry.service)
    arguments = {name: value for name, value in pairs(build.get("args")).items() if value is not None}
    options = {name: build[name] for name in PASSED if build.get(name) is not None}
    if labels := {name: value or "" for name, value in pairs(build.get("labels")).items()}:
        options["labels"] = labels
    return ImageBuild(
        entry.service,
        entry.repository,
        entry.revision,
        context=entry.context or folder_inside(str(build.get("context") or ".")),
        dockerfile=entry.dockerfile or str(build.get("dockerfile") or ""),
        target=entry.target or str(build.get("target") or ""),
        args={**arguments, **entry.args},
        options=options,
        secrets={**secrets(build), **entry.secrets},
        push=entry.push,
        host=entry.host,
        **entry.given,
    )


def read_secrets(declaration: Declaration) -> Iterator[tuple[str, str]]:
    """The declared secrets that builds read, by the key that names one; files of the host are none."""
    for entry in declaration.builds.values():
        for key, place in entry.places().items():
            if not place.startswith("/"):
                yield f"{entry.key}.{key}", place
        own = set(entry.secrets)
        for name, source in secrets(written(declaration.compose, entry.service)).items():
            if name not in own:
                yield f"compose.services.{entry.service}.build.secrets", source
