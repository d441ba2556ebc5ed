# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of images over releases: a page that is open still gets its files, whatever became of the release."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.containers.client import Engine
from ansible_collections.latentum.ops.plugins.module_utils.containers.image_folder import ImageFolderError
from ansible_collections.latentum.ops.plugins.module_utils.contracts.static_files import StaticFiles
from ansible_collections.latentum.ops.plugins.module_utils.core import atomic_files, paths
from ansible_collections.latentum.ops.plugins.module_utils.release import static_files
from ansible_collections.latentum.ops.plugins.module_utils.release.store import Release

SITE, KEEP = "app.example.com", 3600.0
V1 = {"assets/app.1.js": "one", "assets/vendor.js": "same"}
V2 = {"assets/app.2.js": "two", "assets/vendor.js": "same"}


class Host:
    """Images in a mapping, a clock, and the disk that nginx reads."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.images: dict[str, Mapping[str, str]] = {"web:1": V1, "web:2": V2}
        self.taken: list[str] = []
        self.said: list[str] = []
        self.now = 1_800_000_000.0
        self.api = self
        (folder / "stacks/shop").mkdir(parents=True)
        monkeypatch.setattr(paths, "RELEASES", folder / "stacks")
        monkeypatch.setattr(paths, "STATIC", folder / "static")
        monkeypatch.setattr(static_files, "unpack", self.unpack)
        monkeypatch.setattr(time, "time", lambda: self.now)
        if os.geteuid() != 0:
            monkeypatch.setattr(atomic_files.os, "fchown", lambda *_given: None)
        self.place = folder / "static/shop" / SITE

    def image(self, reference: str) -> dict[str, Any] | None:
        return {"Id": f"sha256:{reference}"} if reference in self.images else None

    def unpack(self, _api: object, image: str, _folders: object, target: Path, _container: str) -> dict[str, str]:
        self.taken.append(image)
        if image not in self.images:
            raise ImageFolderError("/app/assets is not in the image")
        for name, content in self.images[image].items():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).write_text(content)
        return {name: f"hash of {content}" for name, content in self.images[image].items()}

    def bring(self, image: str, **changes: Any) -> None:
        static_files.bring(release(image, **changes), cast(Engine, self), self.said.append)

    def live(self, image: str, **changes: Any) -> dict[str, str]:
        """A release goes live; what nginx has then."""
        self.bring(image, **changes)
        static_files.settle(release(image, **changes), cast(Engine, self))
        return self.served

    @property
    def served(self) -> dict[str, str]:
        return {path.relative_to(self.place).as_posix(): path.read_text() for path in self.place.rglob("*") if path.is_file()}


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    yield Host(tmp_path, monkeypatch)


def release(image: str, *, keep: float = KEEP, without: bool = False, folder: str = "/app/assets") -> Release:
    static = [] if without else [StaticFiles(SITE, "web", {"/assets": folder}, keep).to_dict()]
    project = {"services": {"web": {"image": image}}, "x-latentum-ops": {"static": static}}
    return Release("shop", "/opt/shop", project, {}, [], [], images={"web": image})


def test_files_are_there_before_the_release_is_live_beside_those_of_the_one_before(host: Host) -> None:
    assert host.live("web:1") == V1
    host.bring("web:2")
    assert host.served == V1 | V2 and host.said[-1] == "web: 2 files of its image for nginx"


def test_an_open_page_gets_its_files_for_as_long_as_is_declared(host: Host) -> None:
    host.live("web:1")
    assert host.live("web:2") == V1 | V2
    host.now += KEEP - 1
    assert host.live("web:2") == V1 | V2
    host.now += 2
    assert host.live("web:2") == V2
    assert host.taken == ["web:1", "web:2"], "each image once"


def test_what_is_taken_back_leaves_the_files_of_what_serves(host: Host) -> None:
    host.live("web:1")
    host.bring("web:2")  # it fails, and nothing is settled
    assert host.served.items() >= V1.items()
    host.live("web:1")
    host.now += KEEP + 1
    assert host.live("web:1") == V1


def test_a_rollback_brings_back_what_had_gone(host: Host) -> None:
    host.live("web:1")
    host.live("web:2")
    host.now += KEEP + 1
    host.live("web:2")
    assert host.live("web:1") == V1 | V2 and host.taken == ["web:1", "web:2", "web:1"]


def test_a_name_without_a_hash_is_the_service_s_to_give(host: Host) -> None:
    """Its content would be that of another release for some of those who ask."""
    host.images = {"web:1": V1 | {"assets/logo.svg": "old"}, "web:2": V2 | {"assets/logo.svg": "new"}}
    assert host.live("web:1")["assets/logo.svg"] == "old"
    host.bring("web:2")
    assert host.served == V1 | V2, "from before the first new container answers"
    assert host.live("web:2") == V1 | V2
    assert host.said[-1] == "web: 3 files of its image for nginx; not those without a hash in their name, such as assets/logo.svg"
    assert host.live("web:1") == V1 | V2, "a rollback gets nobody's"
    host.now += KEEP + 1
    host.live("web:1")
    assert host.live("web:1") == V1 | {"assets/logo.svg": "old"}, "when the other one is gone"


def test_files_that_somebody_has_removed_come_back_with_the_next_deployment(host: Host) -> None:
    host.live("web:1")
    (host.place / "assets/app.1.js").unlink()
    assert host.live("web:1") == V1
    shutil.rmtree(host.place.parent)
    assert host.live("web:1") == V1


@pytest.mark.parametrize("content", ["{", "[]", '{"app.example.com": 7}', '{"app.example.com": {"x": []}}'])
def test_a_damaged_state_is_made_anew(host: Host, content: str) -> None:
    host.live("web:1")
    host.bring("web:2")
    static_files._state("shop").write_text(content)
    assert host.live("web:2") == V2, "what nobody knows of goes"


def test_killed_between_the_files_and_the_state(host: Host) -> None:
    host.live("web:1")
    before = static_files._state("shop").read_text()
    host.bring("web:2")
    static_files._state("shop").write_text(before)
    (host.place.parent / f".{SITE}.new/assets").mkdir(parents=True)
    assert host.live("web:2") == V1 | V2 and [path.name for path in host.place.parent.iterdir()] == [SITE]


def test_a_folder_that_is_missing_names_the_service_and_changes_nothing(host: Host) -> None:
    host.live("web:1")
    with pytest.raises(ImageFolderError, match=r"web: static\.image_files: /app/assets is not in the image"):
        host.bring("web:3")
    assert host.served == V1 and [path.name for path in host.place.parent.iterdir()] == [SITE]


def test_another_folder_of_the_same_image_is_taken_out_anew(host: Host) -> None:
    host.live("web:1")
    host.live("web:1", folder="/other/assets")
    assert host.taken == ["web:1", "web:1"]


def test_turned_off_everything_goes_and_turned_on_it_comes_back(host: Host) -> None:
    host.live("web:1")
    host.live("web:2", without=True)
    assert not host.place.exists() and json.loads(static_files._state("shop").read_text()) == {}
    assert host.live("web:1") == V1
    host.live("web:1", without=True)
    host.live("web:1", without=True)


def test_a_clock_that_was_set_back_removes_nothing(host: Host) -> None:
    host.live("web:1")
    host.live("web:2")
    host.now -= 10 * KEEP
    assert host.live("web:2") == V1 | V2


def test_workers_of_nginx_can_read_them_whatever_the_umask(host: Host) -> None:
    before = os.umask(0o077)
    try:
        host.live("web:1")
    finally:
        os.umask(before)
    for folder in (paths.STATIC, paths.STATIC / "shop", host.place, host.place / "assets"):
        assert folder.stat().st_mode & 0o777 == 0o755
