# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of releases on a host: written whole, put right, and removed with the last release that mounts them."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.carried_files import Carried, CarriedFile, digest_of, place
from ansible_collections.latentum.ops.plugins.module_utils.core import paths
from ansible_collections.latentum.ops.plugins.module_utils.release import carried
from ansible_collections.latentum.ops.plugins.module_utils.release.store import forget_files


@pytest.fixture(autouse=True)
def releases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(paths, "RELEASES", tmp_path / "stacks")
    (tmp_path / "stacks").mkdir()
    return tmp_path / "stacks"


def item(name: str, **files: bytes) -> Carried:
    found = tuple(CarriedFile(base64.b64encode(data).decode(), path.replace("__", "/").strip("_")) for path, data in files.items())
    owner, group = os.getuid(), os.getgid()
    return Carried(digest_of(name, found, owner, group), name, found, owner, group)


def test_a_file_and_a_folder_are_written_once(releases: Path) -> None:
    both = [item("a.conf", _=b"x"), item("conf", one=b"1", sub__two=b"\xff")]
    first, second = carried.put("shop", both)
    assert first == place("shop", both[0].digest, "a.conf")
    assert (first.read_bytes(), (second / "sub/two").read_bytes()) == (b"x", b"\xff")
    assert [oct(path.stat().st_mode & 0o777) for path in (first, second, second / "sub")] == ["0o644", "0o755", "0o755"]
    assert oct((releases / "shop").stat().st_mode & 0o777) == "0o700"
    assert carried.put("shop", both) == []


def test_what_somebody_changed_is_put_right() -> None:
    conf = item("conf", one=b"1", two=b"2")
    (folder,) = carried.put("shop", [conf])
    (folder / "one").write_bytes(b"changed")
    (folder / "two").unlink()
    assert carried.put("shop", [conf]) == [folder / "one", folder / "two"]
    assert ((folder / "one").read_bytes(), (folder / "two").read_bytes()) == (b"1", b"2")
    (folder / "one").chmod(0o600)
    assert carried.put("shop", [conf]) == [folder / "one"]


def test_a_killed_run_leaves_nothing_that_is_taken_for_it(releases: Path) -> None:
    conf = item("conf", one=b"1")
    left = releases / f"shop/files/.{conf.digest}.new/conf"
    left.mkdir(parents=True)
    (left / "old").write_text("half")
    (folder,) = carried.put("shop", [conf])
    assert [path.name for path in folder.iterdir()] == ["one"]


def test_what_no_release_mounts_is_removed() -> None:
    kept, gone = item("a", _=b"1"), item("b", _=b"2")
    first, second = carried.put("shop", [kept, gone])
    other = carried.put("other", [gone])
    forget_files("shop", [f"volumes: ['{first}:/a:ro']", "services: {}"])
    assert (first.exists(), second.exists(), other[0].exists()) == (True, False, True)
    forget_files("nothing", [])
