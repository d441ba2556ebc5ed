# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The backup targets of the tests: made once, and replaced when rclone is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


def fake_toolchain(monkeypatch: pytest.MonkeyPatch, folder: Path, version: str) -> None:
    import cache
    import targets

    (folder / "bin").mkdir(exist_ok=True)
    (folder / "bin" / "rclone").write_text(version)
    monkeypatch.setattr(cache, "CACHE", folder)
    monkeypatch.setattr(targets, "FOLDER", folder / "targets")
    monkeypatch.setattr(targets.sys, "executable", str(folder / "bin" / "python"))
    monkeypatch.setattr(targets, "version", lambda _name: version)
    monkeypatch.setitem(targets.PATHS, "targets", folder / "targets" / "targets.json")
    monkeypatch.setitem(targets.PATHS, "age-identity", folder / "targets" / "age_identity")


def test_they_are_made_once_and_follow_the_toolchain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import targets

    fake_toolchain(monkeypatch, tmp_path, "1.0.0")
    targets.ensure()
    first = targets.command()
    kept = {path.name: path.read_bytes() for path in targets.FOLDER.iterdir()}
    assert {"rclone-1.0.0", "sftp_key", "sftp_key.pub", "host_key", "host_key.pub", "age_identity", "targets.json"} == set(kept)
    targets.ensure()
    assert {path.name: path.read_bytes() for path in targets.FOLDER.iterdir()} == kept
    fake_toolchain(monkeypatch, tmp_path, "1.0.1")
    targets.ensure()
    assert [path.name for path in targets.FOLDER.glob("rclone*")] == ["rclone-1.0.1"]
    assert targets.command() != first and "/targets/rclone-1.0.1" in targets.command()


def test_how_to_reach_them_is_published(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import targets

    fake_toolchain(monkeypatch, tmp_path, "1.0.0")
    targets.ensure()
    published = json.loads((targets.FOLDER / "targets.json").read_text())
    escrow = published.pop("escrow")
    assert escrow["recipient"] in Path(escrow["identity"]).read_text()  # age-keygen writes it as a comment
    assert {name: one["append_only"] for name, one in published.items()} == {"s3": False, "rest": True, "sftp": False}
    assert published["sftp"]["known_hosts"].split()[:2] == ["sftp.example.test", "ssh-ed25519"]
    assert published["sftp"]["known_hosts"].split()[2] == (targets.FOLDER / "host_key.pub").read_text().split()[1]


def test_a_toolchain_without_rclone_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    import targets
    from engine import HostsError

    def none(name: str) -> str:
        raise targets.PackageNotFoundError(name)

    monkeypatch.setattr(targets, "version", none)
    with pytest.raises(HostsError, match="make toolchain"):
        targets.command()
