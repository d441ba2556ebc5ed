# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages of images, by an engine that gives archives of a container that never runs."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.advisories import image_packages
from ansible_collections.latentum.ops.plugins.module_utils.containers.api import EngineError, NotFound

from .test_package_lists import ALPINE, DISTROLESS, STATUS

DEBIAN = "ID=debian\nVERSION_ID=13\nVERSION_CODENAME=trixie\n"


class Api:
    """An engine with one image.

    :param files: what is in it; a folder by the paths of its files, a link by a text that begins with ``->``.
    """

    def __init__(self, files: Mapping[str, str]) -> None:
        self.files = files
        self.made: list[dict[str, Any]] = []
        self.removed: list[str] = []

    def create_container(self, name: str, config: Mapping[str, Any]) -> dict[str, Any]:
        if config["Image"] == "gone":
            raise NotFound("no such image", 404)
        self.made.append({"name": name, **config})
        return {"Id": "ab12"}

    def remove_container(self, identity: str, **_options: Any) -> None:
        if identity != "ab12":
            raise NotFound("no such container", 404)
        self.removed.append(identity)

    @contextmanager
    def archive(self, _identity: str, path: str) -> Iterator[io.BytesIO]:
        inside = {name: text for name, text in self.files.items() if name == path or name.startswith(f"{path}/")}
        if not inside:
            raise NotFound("no such file", 404)
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            for name, text in inside.items():
                member = tarfile.TarInfo(name.rpartition("/")[2])
                if text.startswith("->"):
                    member.type, member.linkname = tarfile.SYMTYPE, text[2:]
                    archive.addfile(member)
                else:
                    member.size = len(text.encode())
                    archive.addfile(member, io.BytesIO(text.encode()))
        yield io.BytesIO(packed.getvalue())


def read(api: Api, image: str = "shop/web") -> image_packages.ImagePackages:
    return image_packages.read(api, image)  # type: ignore[arg-type]  # as much of it as is asked


def test_an_image_of_debian() -> None:
    """Whose os-release is a link, as Debian has it."""
    api = Api({"/etc/os-release": "->../usr/lib/os-release", "/usr/lib/os-release": DEBIAN, "/var/lib/dpkg/status": STATUS})
    seen = read(api)
    assert str(seen.distribution) == "debian 13" and [package.name for package in seen.packages] == ["libssl3t64", "bash"]
    assert api.made[0]["Entrypoint"] == ["/never"] and api.made[0]["HostConfig"] == {"NetworkMode": "none"}
    assert api.removed == ["ab12"], "nothing is left"


def test_an_image_without_a_package_manager() -> None:
    api = Api({
        "/etc/os-release": DEBIAN,
        "/var/lib/dpkg/status.d/tzdata": DISTROLESS,
        "/var/lib/dpkg/status.d/tzdata.md5sums": "3c1f  usr/share/zoneinfo\n",
    })  # fmt: skip
    assert [package.name for package in read(api).packages] == ["tzdata"]


def test_an_image_of_alpine() -> None:
    seen = read(Api({"/etc/os-release": "ID=alpine\nVERSION_ID=3.22.1\n", "/lib/apk/db/installed": ALPINE}))
    assert [package.name for package in seen.packages] == ["musl", "libcrypto3"] and seen.distribution.id == "alpine"


def test_an_image_with_nothing_but_a_program() -> None:
    assert read(Api({"/app": "binary"})).packages == ()


def test_what_was_made_goes_when_the_engine_fails() -> None:
    class Failing(Api):
        def archive(self, _identity: str, path: str) -> AbstractContextManager[io.BytesIO]:
            raise EngineError("the engine broke off its answer")

    api = Failing({})
    with pytest.raises(EngineError):
        read(api)
    assert api.removed == ["ab12"]
