# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`opsctl remove`: which stack is meant is written, what goes is said first, and nothing goes before its last backup is proven."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.backup import settings as backup_settings
from ansible_collections.latentum.ops.plugins.module_utils.cli import completion, main
from ansible_collections.latentum.ops.plugins.module_utils.containers import client
from ansible_collections.latentum.ops.plugins.module_utils.core import progress
from ansible_collections.latentum.ops.plugins.module_utils.maintenance import protection
from ansible_collections.latentum.ops.plugins.module_utils.removal import host as removal_host

from ..removal.test_removal import Host
from . import host as command


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    """The shop and the blog, each with backups that are configured and cannot be made."""
    there = Host(tmp_path, monkeypatch)
    monkeypatch.setattr(client, "Engine", lambda: there.engine)
    monkeypatch.setattr(backup_settings, "FOLDER", removal_host.BACKUP)
    monkeypatch.setattr(protection, "FILE", tmp_path / "environment.json")
    monkeypatch.setattr(progress, "FOLDER", tmp_path / "progress")
    return there


def changed(host: Host, before: dict[str, str]) -> list[str]:
    """What is other than before, without the lines of progress."""
    after = host.tree()
    return sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path) and "progress" not in path)


def test_without_a_yes_it_says_what_would_go(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    before = host.tree()
    assert command.run(["remove", "shop"]) == 3
    said = capsys.readouterr().out
    assert "of the stack shop this would go:" in said and "container: shop-web-1" in said and "say --yes" in said
    assert command.run(["remove", "shop", "--json", "--volumes"]) == 3
    data = json.loads(capsys.readouterr().out)
    assert data["confirmed"] is False and data["removed"]["volume"] == ["shop_data"] and changed(host, before) == []


def test_it_takes_that_stack_away_and_a_second_time_nothing(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    before = host.tree()
    assert command.run(["remove", "shop", "--yes", "--no-backup"]) == 0
    gone = changed(host, before)
    assert "containers: shop-web-1" in gone and "volumes: shop_data" not in gone and not [path for path in gone if "blog" in path]
    capsys.readouterr()
    assert command.run(["remove", "shop", "--yes", "--no-backup"]) == 0
    assert "nothing of shop is there any more" in capsys.readouterr().out


def test_nothing_goes_when_the_last_backup_fails(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    before = host.tree()
    assert command.run(["remove", "shop", "--yes"]) != 0
    assert changed(host, before) == [] and "removed" not in capsys.readouterr().out


def test_data_that_no_backup_holds_stays(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    (removal_host.BACKUP / "shop.json").unlink()
    before = host.tree()
    assert command.run(["remove", "shop", "--yes", "--volumes"]) == 1
    assert "shop has no backups on this host, and its volumes are to go: nothing was removed" in capsys.readouterr().err
    assert changed(host, before) == []
    assert command.run(["remove", "shop", "--yes"]) == 0
    assert "volumes: shop_data" in host.tree() and "containers: shop-web-1" not in host.tree()


def test_a_name_that_is_nearly_one_is_none(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    before = host.tree()
    for name in ("shp", "Shop", "shop,blog", ".", "*", ""):
        assert command.run(["remove", name, "--yes", "--no-backup"]) == 2, name
    assert "did you mean shop?" in capsys.readouterr().err and changed(host, before) == []


def test_the_name_is_written_wherever_one_stands(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(host.root / "opt/shop")
    for words in (["remove"], ["remove", "--yes"]):
        with pytest.raises(SystemExit):
            command.run(words)


def test_a_protected_host_wants_its_name_too(host: Host, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    protection.FILE.write_text('{"environment": "production", "protected": true}')
    before = host.tree()
    words = ["remove", "shop", "--yes", "--no-backup"]
    for confirmation in ([], ["--confirm", "shop"], ["--confirm", "yes"], ["--confirm", "staging"]):
        assert command.run([*words, *confirmation]) == 3
        assert "write --confirm production" in capsys.readouterr().err
    assert changed(host, before) == []
    assert command.run([*words, "--confirm", "production"]) == 0


def test_a_removal_that_was_killed_is_finished(host: Host) -> None:
    host.dies_at = "nginx -t"
    command.run(["remove", "shop", "--yes", "--no-backup"])
    host.dies_at = ""
    assert command.run(["remove", "shop", "--yes", "--no-backup"]) == 0
    assert not [path for path in host.tree() if "shop" in path and not path.startswith(("secrets/", "volumes", "progress"))]


def test_shells_complete_its_name() -> None:
    (verb,) = (one for one in completion.commands(main.parser()) if one.words == ("remove",))
    assert verb.positional == "stacks" and {"--yes", "--confirm", "--no-backup"} <= {name for flag in verb.flags for name in flag.names}
    for shell in completion.SCRIPTS:
        assert "remove" in completion.script(shell, main.parser())
