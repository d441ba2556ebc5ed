# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stack that was ejected and comes back: what the ejection left goes, on real files; what somebody has changed, or uses, stays."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.backup import settings
from ansible_collections.latentum.ops.plugins.module_utils.core import paths
from ansible_collections.latentum.ops.plugins.module_utils.eject import returned
from ansible_collections.latentum.ops.plugins.module_utils.eject.host import Ejection
from ansible_collections.latentum.ops.plugins.module_utils.eject.returned import noted, take_away
from ansible_collections.latentum.ops.plugins.module_utils.release.journal import Journal
from ansible_collections.latentum.ops.plugins.module_utils.rollout.deployment import Deployment
from ansible_collections.latentum.ops.plugins.module_utils.rollout.request import Order, Outcome
from ansible_collections.latentum.ops.plugins.modules import compose_rollout

from .test_host import Host

TOKEN = "secrets/services/web/token"


@pytest.fixture
def back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    """The shop, ejected, deployed again, and backed up again."""
    host = Host(tmp_path, monkeypatch)
    monkeypatch.setattr(returned, "run", host.run)
    saved = (settings.FOLDER / "shop.json").read_text()
    Ejection("shop").prepare(check=False)
    host.rolled_out(monkeypatch)
    assert not noted("shop", host.directory)  # the rollout of the ejection itself: its files are wanted
    Ejection("shop").finish(check=False)
    assert noted("shop", host.directory)
    host.deploy(host.live)
    settings.FOLDER.mkdir(parents=True, exist_ok=True)
    (settings.FOLDER / "shop.json").write_text(saved)
    return host


def left(host: Host) -> set[str]:
    """What is in the folder of the stack, and the units of its backups; without the history."""
    names = {name.removeprefix("opt/shop/") for name in host.files() if name.startswith("opt/shop/") and "history" not in name}
    return names | {name for name in host.files() if "shop-backup" in name}


def test_all_that_the_ejection_left_goes_and_nothing_else(back: Host) -> None:
    (back.directory / "notes.txt").write_text("ours")
    history = {name for name in back.files() if "history/" in name}
    before = left(back)
    assert {TOKEN, "README.md", "backup/backup.sh", "etc/systemd/system/shop-backup.timer"} <= before
    outcome = take_away("shop", back.directory)
    assert left(back) == {"compose.yaml", ".env", "notes.txt"} and outcome.theirs == outcome.waiting == []
    assert {name for name in back.files() if "history/" in name} == history - {"opt/shop/history/ejected.json"}
    assert not [path for path in back.directory.iterdir() if path.name in ("secrets", "files", "backup")]
    assert [line.partition(" ")[2] for line in back.did[-2:]] == ["disable --now shop-backup.timer", "daemon-reload"]
    assert not noted("shop", back.directory) and take_away("shop", back.directory).changes == []


def test_check_mode_says_it_and_shows_no_secret(back: Host) -> None:
    before = back.files()
    outcome = take_away("shop", back.directory, check=True)
    assert back.files() == before and {change.entry.path.name for change in outcome.changes} >= {"README.md", "token"}
    assert "hunter2" not in json.dumps([change.difference() for change in outcome.changes])


def test_what_somebody_has_changed_is_theirs(back: Host) -> None:
    for name in ("README.md", TOKEN, "backup/backup.sh"):
        (back.directory / name).write_text("changed by hand")
    outcome = take_away("shop", back.directory)
    assert {str(path.relative_to(back.directory)) for path in outcome.theirs} == {"README.md", TOKEN, "backup/backup.sh"}
    assert {"README.md", TOKEN, "backup/backup.sh"} <= left(back) and "secrets/env/api.env" not in left(back)
    assert take_away("shop", back.directory).theirs == []  # once


def test_a_link_in_the_place_of_a_file_is_not_followed(back: Host, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (back.directory / TOKEN).rename(elsewhere)
    (back.directory / TOKEN).symlink_to(elsewhere)
    take_away("shop", back.directory)
    assert elsewhere.read_text() == "hunter2" and (back.directory / TOKEN).is_symlink()


def test_a_secret_that_a_container_mounts_waits(back: Host) -> None:
    """An old set of a blue-green update, or a container that somebody has started by hand."""
    outcome = take_away("shop", back.directory, ["", "/", str(back.directory / TOKEN)])
    assert outcome.waiting == [back.directory / TOKEN] and (back.directory / TOKEN).read_text() == "hunter2"
    assert TOKEN in left(back) and "README.md" not in left(back) and noted("shop", back.directory)
    take_away("shop", back.directory, ["/srv"])
    assert TOKEN not in left(back) and not noted("shop", back.directory)


def test_backups_by_hand_go_on_until_there_are_others(back: Host) -> None:
    (settings.FOLDER / "shop.json").unlink()
    take_away("shop", back.directory)
    assert {"backup/backup.sh", "secrets/backup/nas_key", "etc/systemd/system/shop-backup.timer"} <= left(back) and TOKEN not in left(back)
    assert not [line for line in back.did if "disable --now shop-backup" in line]
    (settings.FOLDER / "shop.json").write_text("{}")
    take_away("shop", back.directory)
    assert left(back) == {"compose.yaml", ".env"}


def test_the_bytes_of_a_secret_are_written_over(back: Host, tmp_path: Path) -> None:
    other = tmp_path / "same-file"
    other.hardlink_to(back.directory / TOKEN)
    readme = tmp_path / "readme"
    readme.hardlink_to(back.directory / "README.md")
    take_away("shop", back.directory)
    assert other.read_bytes() == bytes(7) and "by hand" in readme.read_text()


def test_a_damaged_note_is_said(back: Host) -> None:
    (back.directory / "history/ejected.json").write_text("[]")
    with pytest.raises(ValueError, match=r"ejected\.json is damaged .*remove it"):
        take_away("shop", back.directory)
    assert TOKEN in left(back)


def test_another_stack_in_the_same_folder_of_folders_is_not_touched(back: Host) -> None:
    other = back.directory.parent / "blog"
    (other / "secrets").mkdir(parents=True)
    (other / "secrets/token").write_text("hunter2")
    take_away("shop", back.directory)
    assert (other / "secrets/token").read_text() == "hunter2" and paths.RELEASES.joinpath("shop").is_dir()


@pytest.mark.parametrize("check", [True, False])
def test_the_module_that_deploys_it_again_does_it(back: Host, monkeypatch: pytest.MonkeyPatch, check: bool) -> None:
    """What goes is a difference of its run; what stays is in the journal, once."""

    class Engine:
        """One container that still mounts a secret, and one without mounts."""

        api = property(lambda self: self)

        def containers(self, **_options: bool) -> list[dict[str, object]]:
            return [{"Mounts": [{"Type": "bind", "Source": str(back.directory / TOKEN)}, {"Type": "tmpfs"}]}, {"Id": "other"}]

    monkeypatch.setattr(compose_rollout, "Engine", Engine)
    (back.directory / "README.md").write_text("mine")
    before, outcome = back.files(), Outcome("3f2a90c1d4e7")
    compose_rollout.take_back_ejection(Deployment("shop", Order(check=check)), outcome, back.directory)
    assert outcome.changed and {change.entry.path.name for change in outcome.files} >= {"api.env", "backup.sh"}
    steps = [entry for entry in Journal("shop").read(9) if entry["step"] == "left"]
    if check:
        assert back.files() == before and steps == []
        return
    assert {TOKEN, "README.md"} <= left(back) and "secrets/env/api.env" not in left(back)
    assert len(steps) == 1 and "README.md: left by the ejection and changed since" in steps[0]["reason"]
