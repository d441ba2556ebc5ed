# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of images in whole deployments: there before the first new container, or nothing is changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.containers.image_folder import ImageFolderError
from ansible_collections.latentum.ops.plugins.module_utils.contracts.static_files import StaticFiles
from ansible_collections.latentum.ops.plugins.module_utils.core import paths
from ansible_collections.latentum.ops.plugins.module_utils.release import static_files
from ansible_collections.latentum.ops.plugins.module_utils.release.store import FAILED, Store
from ansible_collections.latentum.ops.plugins.module_utils.rollout.deployment import Deployment
from ansible_collections.latentum.ops.plugins.module_utils.rollout.request import DeployFailed, Order

from .played_host import PlayedHost, declared


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PlayedHost:
    made = PlayedHost(tmp_path, monkeypatch)
    made.broken = ""  # type: ignore[attr-defined]
    monkeypatch.setattr(paths, "STATIC", tmp_path / "static")
    monkeypatch.setattr(PlayedHost, "api", None, raising=False)

    def image(_host: object, reference: str) -> dict[str, Any]:
        tag = reference.partition("@")[0].rpartition(":")[2]
        return {"Id": f"sha256:{tag}", "RepoDigests": [f"registry/api@sha256:{tag}"]}

    monkeypatch.setattr(PlayedHost, "image", image)

    def unpack(_api: object, image: str, _folders: object, target: Path, _container: str) -> dict[str, str]:
        if made.broken and made.broken in image:  # type: ignore[attr-defined]
            raise ImageFolderError("/app/assets is not in the image")
        made.did.append(f"unpack {image.partition('@')[0]}")
        (target / "assets").mkdir()
        name = f"assets/app.{image.partition('@')[0].rpartition(':')[2]}.js"
        (target / name).write_text(image)
        return {name: image}

    monkeypatch.setattr(static_files, "unpack", unpack)
    return made


def version(number: int, **more: Any) -> Any:
    entry = StaticFiles("app.example.com", "api", {"/assets": "/app/assets"}, 3600).to_dict()
    return declared(api={"image": f"registry/api:{number}"}, top={"x-latentum-ops": {"static": [entry]}}, **more)


def served(host: PlayedHost) -> list[str]:
    return sorted(path.name for path in (host.folder / "static/shop/app.example.com/assets").glob("*"))


def test_files_come_before_the_first_new_container_and_those_of_before_stay(host: PlayedHost) -> None:
    host.deploy(version(1))
    host.did.clear()
    host.deploy(version(2))
    assert host.did.index("unpack registry/api:2") < next(index for index, step in enumerate(host.did) if step.startswith("start "))
    assert served(host) == ["app.1.js", "app.2.js"]
    left = [source["left"] > 0 for source in json.loads((paths.RELEASES / "shop/static.json").read_text())["app.example.com"].values()]
    assert left == [True, False], "the time of those of before begins"
    host.did.clear()
    host.deploy(version(2))
    assert host.did == []


def test_a_folder_that_is_missing_fails_the_release_before_anything_is_changed(host: PlayedHost) -> None:
    first = host.deploy(version(1)).release
    before, host.broken = host.ids(), "api:2"  # type: ignore[attr-defined]
    with pytest.raises(DeployFailed, match=r"(?s)taken back: .* is live.*api: static\.image_files: /app/assets is not in the image"):
        host.deploy(version(2))
    live = Store("shop").live()
    assert host.ids() == before and live is not None and live.id == first and served(host) == ["app.1.js"]
    assert [one.state for one in Store("shop").all()].count(FAILED) == 1


def test_a_rollback_does_not_depend_on_them(host: PlayedHost) -> None:
    first = host.deploy(version(1)).release
    host.deploy(version(2))
    host.broken = "api:1"  # type: ignore[attr-defined]
    (host.folder / "static/shop/app.example.com/assets/app.1.js").unlink()
    outcome = Deployment("shop", Order(kind="rollback")).rollback()
    assert outcome.release == first and any("the service gives them out itself" in line for line in outcome.lines)


def test_a_check_takes_nothing_out(host: PlayedHost) -> None:
    host.deploy(version(1), check=True)
    assert host.did == [] and not (host.folder / "static").exists()


def test_a_release_without_any_touches_nothing(host: PlayedHost) -> None:
    host.deploy(declared(api={"image": "registry/api:1"}))
    assert not (host.folder / "static").exists()
