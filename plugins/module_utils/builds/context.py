# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The build context and the Dockerfile in what was checked out; nothing outside of it is read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..contracts.image_build import ImageBuild
from .access import BuildRefused


@dataclass(frozen=True)
class Context:
    """Where a build finds its files.

    :param dockerfile: None where it is written in the Compose file.
    """

    folder: Path
    dockerfile: Path | None


def context_of(build: ImageBuild, checkout: Path) -> Context:
    """The context of a build.

    :raises BuildRefused: it is not there, or a symbolic link leads out of what was checked out.
    """
    key, root = f"builds.{build.service}", checkout.resolve()
    folder = _inside(root, root / build.context, f"{key}.context", build.context)
    if not folder.is_dir():
        raise BuildRefused(f"{key}.context: {build.context} is no folder of the repository at {build.revision}: write a path from its root")
    if "dockerfile_inline" in build.options:
        return Context(folder, None)
    name = build.dockerfile or "Dockerfile"
    dockerfile = _inside(root, folder / name, f"{key}.dockerfile", name)
    if not dockerfile.is_file():
        fix = "write its path from the context, or another context"
        raise BuildRefused(f"{key}.dockerfile: there is no {name} in {build.context} of the repository at {build.revision}: {fix}")
    return Context(folder, dockerfile)


def _inside(root: Path, path: Path, key: str, written: str) -> Path:
    """A path with its symbolic links followed."""
    try:
        target = path.resolve()
    except (OSError, RuntimeError):  # a circle of links
        raise BuildRefused(f"{key}: {written} is a circle of symbolic links") from None
    if target != root and root not in target.parents:
        raise BuildRefused(f"{key}: {written} is a symbolic link that leads out of the repository: name the folder itself")
    return target
