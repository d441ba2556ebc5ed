# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Folders of images: plain files come out, and nothing that leads out of the folder or fills the disk."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.containers import image_folder as module
from ansible_collections.latentum.ops.plugins.module_utils.containers.api import EngineApi, EngineError, NotFound
from ansible_collections.latentum.ops.plugins.module_utils.containers.image_folder import ImageFolderError, unpack

Entry = tuple[str, str, str]  # kind, name, content or target
KINDS = {"dir": tarfile.DIRTYPE, "file": tarfile.REGTYPE, "link": tarfile.SYMTYPE, "hard": tarfile.LNKTYPE, "pipe": tarfile.FIFOTYPE}


def packed(*entries: Entry) -> bytes:
    """A stream as the engine gives it, its first entry the folder itself."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w|") as archive:
        for kind, name, content in entries:
            member = tarfile.TarInfo(name)
            member.type, member.mtime, member.mode = KINDS[kind], 1_700_000_000, 0o600
            if kind in ("link", "hard"):
                member.linkname = content
            data = content.encode() if kind == "file" else b""
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


class FakeApi:
    """An engine with one image; folders to what their archive is."""

    def __init__(self, **folders: bytes | Exception) -> None:
        self.folders = {f"/app/{name}/.": content for name, content in folders.items()}
        self.there: dict[str, str] = {}
        self.configs: list[Mapping[str, Any]] = []

    def create_container(self, name: str, config: Mapping[str, Any]) -> dict[str, Any]:
        assert name not in self.there.values(), "the name is taken"
        self.configs.append(config)
        self.there["id1"] = name
        return {"Id": "id1"}

    def remove_container(self, identity: str, force: bool = False, v: bool = False) -> None:
        assert force and v, "volumes of the image are made with its container"
        known = next((key for key, name in self.there.items() if identity in (key, name)), None)
        if known is None:
            raise NotFound("no such container")
        del self.there[known]

    @contextmanager
    def archive(self, _identity: str, path: str) -> Iterator[io.BytesIO]:
        content = self.folders.get(path, NotFound("no such path"))
        if isinstance(content, Exception):
            raise content
        yield io.BytesIO(content)


def out(api: FakeApi, target: Path, **folders: str) -> dict[str, str]:
    return unpack(cast(EngineApi, api), "web:1", {f"/{url}": f"/app/{name}" for url, name in folders.items()}, target, "shop-static-files")


@pytest.mark.parametrize("top", [".", "assets"])
def test_files_come_out_as_everybody_may_read_them(tmp_path: Path, top: str) -> None:
    api = FakeApi(
        assets=packed(("dir", f"{top}/", ""), ("file", f"{top}/a.js", "a"), ("dir", f"{top}/sub", ""), ("file", f"{top}/sub/b.css", "b"))
    )
    files = out(api, tmp_path, assets="assets")
    assert sorted(files) == ["assets/a.js", "assets/sub/b.css"] and files["assets/a.js"] != files["assets/sub/b.css"]
    assert (tmp_path / "assets/sub/b.css").read_text() == "b"
    status = (tmp_path / "assets/a.js").stat()
    assert (status.st_mode & 0o777, status.st_mtime, (tmp_path / "assets/sub").stat().st_mode & 0o777) == (0o644, 1_700_000_000, 0o755)
    assert api.there == {}, "the container is gone"


def test_the_image_needs_no_shell_and_nothing_of_it_runs(tmp_path: Path) -> None:
    api = FakeApi(assets=packed(("dir", "./", "")))
    out(api, tmp_path, assets="assets")
    assert api.configs == [{"Image": "web:1", "Entrypoint": ["/never"], "Cmd": ["started"], "HostConfig": {"NetworkMode": "none"}}]


def test_several_folders_under_the_paths_of_browsers(tmp_path: Path) -> None:
    one = packed(("dir", "./", ""), ("file", "./a.js", "a"))
    assert sorted(out(FakeApi(assets=one, fonts=one), tmp_path, **{"shop/assets": "assets", "fonts": "fonts"})) == [
        "fonts/a.js",
        "shop/assets/a.js",
    ]


def test_links_pipes_and_hidden_files_stay_inside(tmp_path: Path) -> None:
    entries: list[Entry] = [
        ("dir", "./", ""),
        ("link", "./passwd", "/etc/passwd"),
        ("link", "./up", "../../secret"),
        ("link", "./app.js", "app.1.js"),
        ("pipe", "./pipe", ""),
        ("dir", "./.git", ""),
        ("file", "./.git/config", "token"),
        ("file", "./.env", "SECRET=1"),
        ("file", "./sub/.htpasswd", "x"),
        ("file", "./good.js", "good"),
    ]
    assert list(out(FakeApi(assets=packed(*entries)), tmp_path, assets="assets")) == ["assets/good.js"]
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["assets", "good.js"]


@pytest.mark.parametrize("name", ["../out.js", "./sub/../../out.js", "./sub/.."])
def test_a_path_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    api = FakeApi(assets=packed(("dir", "./", ""), ("file", name, "x")))
    with pytest.raises(ImageFolderError, match=r"/app/assets: .* leads out of it"):
        out(api, tmp_path / "target", assets="assets")
    assert api.there == {} and not (tmp_path / "out.js").exists()


def test_an_absolute_path_is_one_inside(tmp_path: Path) -> None:
    assert list(out(FakeApi(assets=packed(("dir", "./", ""), ("file", "/etc/x.js", "x"))), tmp_path, assets="assets")) == [
        "assets/etc/x.js"
    ]


def test_hard_links_are_files(tmp_path: Path) -> None:
    """Two names of one file in a layer."""
    entries: list[Entry] = [
        ("dir", "./", ""),
        ("file", "./a.js", "a"),
        ("hard", "./b.js", "./a.js"),
        ("hard", "./c.js", "../../etc/shadow"),
    ]
    with pytest.raises(ImageFolderError, match="leads out"):
        out(FakeApi(assets=packed(*entries)), tmp_path / "one", assets="assets")
    files = out(FakeApi(assets=packed(*entries[:3])), tmp_path / "two", assets="assets")
    assert (tmp_path / "two/assets/b.js").read_text() == "a" and files["assets/a.js"] == files["assets/b.js"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (NotFound("no such path"), "/app/assets is not in the image: write the folder whose content the service gives out"),
        (EngineError("lstat /x/assets/.: not a directory"), "/app/assets is a file, not a folder"),
        (packed(("file", "assets", "x")), "/app/assets is a file, not a folder"),
        (packed(("dir", "./", ""))[:100] + b"\1" * 5000, "the engine's archive of it cannot be read"),
    ],
)
def test_what_cannot_be_taken_out_says_why(tmp_path: Path, content: bytes | Exception, message: str) -> None:
    api = FakeApi(assets=content)
    with pytest.raises(ImageFolderError, match=message):
        out(api, tmp_path, assets="assets")
    assert api.there == {}


@pytest.mark.parametrize(("limit", "value"), [("MOST_BYTES", 3), ("MOST_FILES", 1)])
def test_a_huge_folder_is_refused_before_it_fills_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int) -> None:
    monkeypatch.setattr(module, limit, value)
    api = FakeApi(assets=packed(("dir", "./", ""), ("file", "./a.js", "aa"), ("file", "./b.js", "bb")))
    with pytest.raises(ImageFolderError, match="name a smaller folder, or let the service give them out"):
        out(api, tmp_path, assets="assets")
    assert not (tmp_path / "assets/b.js").exists()


def test_what_a_killed_run_has_left_goes_first(tmp_path: Path) -> None:
    api = FakeApi(assets=packed(("dir", "./", "")))
    api.there["old"] = "shop-static-files"
    assert out(api, tmp_path, assets="assets") == {} and api.there == {}


def test_an_engine_that_fails_is_no_fault_of_the_image(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="gone away"):
        out(FakeApi(assets=EngineError("gone away")), tmp_path, assets="assets")
