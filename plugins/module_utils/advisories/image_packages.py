# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages of an image, read by the engine's archive of a container that never runs: the image needs neither a shell nor a package
manager that works."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from ..containers.api import EngineApi, NotFound
from .package_lists import Distribution, Package, distribution, from_apk, from_dpkg

CONTAINER = "latentum-ops-packages"  # of the container that is made for it, and removed
LARGEST = 64 << 20  # bytes of a database
_OS_RELEASE = ("/etc/os-release", "/usr/lib/os-release")
_STATUS, _PIECES, _APK = "/var/lib/dpkg/status", "/var/lib/dpkg/status.d", "/lib/apk/db/installed"


@dataclass(frozen=True)
class ImagePackages:
    """What is in an image; no packages where it has no database of any."""

    distribution: Distribution
    packages: tuple[Package, ...]


def read(api: EngineApi, image: str) -> ImagePackages:
    """The packages of a local image.

    :raises NotFound: there is no such image.
    :raises EngineError: the engine fails.
    """
    with suppress(NotFound):
        api.remove_container(CONTAINER, force=True, v=True)
    config = {"Image": image, "Entrypoint": ["/never"], "Cmd": ["started"], "HostConfig": {"NetworkMode": "none"}}
    made = api.create_container(CONTAINER, config)["Id"]
    try:
        release = next((text for path in _OS_RELEASE for text in _texts(api, made, path)), "")
        packages = [package for text in _texts(api, made, _STATUS) for package in from_dpkg(text)]
        packages = packages or [package for text in _texts(api, made, _PIECES) for package in from_dpkg(text)]
        packages = packages or [package for text in _texts(api, made, _APK) for package in from_apk(text)]
    finally:
        api.remove_container(made, force=True, v=True)
    return ImagePackages(distribution(release), tuple(dict.fromkeys(packages)))


def _texts(api: EngineApi, container: str, path: str) -> Iterator[str]:
    """The files at a path, or in a folder; nothing where there is none. A link gives nothing: the caller knows where it leads."""
    try:
        with api.archive(container, path) as answer, tarfile.open(fileobj=answer, mode="r|") as archive:
            for member in archive:
                content = archive.extractfile(member) if member.isreg() and not member.name.endswith(".md5sums") else None
                if content is not None:
                    yield content.read(LARGEST).decode(errors="replace")
    except NotFound:
        return
