# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets and certificates of a lost host, onto a bare one and no other."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.backup import identity
from ansible_collections.latentum.ops.plugins.module_utils.backup.restic import TargetError
from ansible_collections.latentum.ops.plugins.module_utils.backup.settings import BackupError, Settings
from ansible_collections.latentum.ops.plugins.module_utils.release.store import Release, Store

from . import fakes
from .fakes import NOW, SECRET, FakeRepository, Host, Programs, Targets, facts, keep_facts, progress, said, shop

host, programs, targets = fakes.host, fakes.programs, fakes.targets


@pytest.fixture
def declared(host: Host, programs: Programs, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(identity, "IDENTITY", (str(host.root / "letsencrypt"),))
    return shop("offsite", "nas")


@pytest.fixture
def repo(targets: Targets, declared: Settings, host: Host) -> FakeRepository:
    """A backup with the secrets of the stack, those of another one, and a certificate."""
    made = targets["offsite"]
    tree = made.holds("last", NOW)
    keep_facts(tree, declared, facts(at=NOW))
    for path in ("secrets/shop/key", "secrets/shop/services/web/key", "secrets/blog/key", "letsencrypt/live/shop/privkey.pem"):
        file = tree / str(host.root / path).lstrip("/")
        file.parent.mkdir(parents=True)
        file.write_text(f"{SECRET} {path}")
    return made


def bring(declared: Settings, source: str = "", snapshot: str = "") -> list[str]:
    return identity.bring_back(declared, source, snapshot, progress())


def test_a_bare_host_gets_the_secrets_of_its_stack_and_the_certificates(declared: Settings, repo: FakeRepository, host: Host) -> None:
    (host.secrets).mkdir()
    assert bring(declared) == [str(host.secrets / "shop"), str(host.root / "letsencrypt")]
    assert (host.secrets / "shop" / "services" / "web" / "key").read_text() == f"{SECRET} secrets/shop/services/web/key"
    assert (host.root / "letsencrypt" / "live" / "shop" / "privkey.pem").exists() and not (host.secrets / "blog").exists()


def test_what_the_bundle_planted_does_not_stand_in_the_way(declared: Settings, repo: FakeRepository, host: Host) -> None:
    host.secret("backup_key", "planted")
    bring(declared)
    assert sorted(one.name for one in (host.secrets / "shop").iterdir()) == ["backup_key", "key", "services"]


def test_certificates_that_are_there_are_never_replaced(declared: Settings, repo: FakeRepository, host: Host) -> None:
    host.secret("backup_key")
    live = host.root / "letsencrypt"
    live.mkdir()
    (live / "cli.ini").write_text("mine")
    assert bring(declared) == [str(host.secrets / "shop")]
    assert [one.name for one in live.iterdir()] == ["cli.ini"]


def test_an_empty_folder_of_certificates_is_filled(declared: Settings, repo: FakeRepository, host: Host) -> None:
    host.secret("backup_key")
    (host.root / "letsencrypt").mkdir()
    assert bring(declared)[1:] == [str(host.root / "letsencrypt")]
    assert (host.root / "letsencrypt" / "live").is_dir() and not (host.root / "letsencrypt" / "letsencrypt").exists()


def test_a_host_on_which_the_stack_lives_is_refused_before_anything(declared: Settings, repo: FakeRepository, host: Host) -> None:
    live = Release("shop", "/opt/shop", {"services": {}}, {}, [], [])
    Store("shop").save(live)
    Store("shop").set_live(live.id)
    with pytest.raises(BackupError, match="shop is deployed on this host: its secrets are here; nothing was changed"):
        bring(declared)
    assert repo.restored == [] and not host.secrets.exists()


def test_a_backup_without_secrets_is_refused(declared: Settings, targets: Targets, host: Host) -> None:
    tree = targets["nas"].holds("bare", NOW)
    keep_facts(tree, declared, facts(at=NOW))
    (tree / str(host.root / "letsencrypt").lstrip("/")).mkdir(parents=True)
    with pytest.raises(BackupError, match="the backup holds no secrets of shop"):
        bring(declared, "nas")
    assert not (host.root / "letsencrypt").exists()


def test_a_backup_of_another_stack_is_refused(declared: Settings, targets: Targets, host: Host) -> None:
    keep_facts(targets["nas"].holds("other", NOW), declared, facts(stack="blog"))
    with pytest.raises(BackupError, match="of the stack blog"):
        bring(declared, "nas")


@pytest.mark.parametrize("snapshot", ["", "last", "none"])
def test_no_copy_in_the_clear_is_left_behind(snapshot: str, declared: Settings, repo: FakeRepository, host: Host) -> None:
    host.secret("backup_key")
    if snapshot == "none":
        with pytest.raises(BackupError, match="has no backup none"):
            bring(declared, snapshot=snapshot)
    else:
        bring(declared, snapshot=snapshot)
    assert not Path(identity.WORK).exists()


def test_an_error_leaves_no_copy_either(declared: Settings, repo: FakeRepository, host: Host, programs: Programs) -> None:
    host.secret("backup_key")
    programs.on("cp --archive", do=lambda _call: fakes.throw(fakes.Killed()))
    with pytest.raises(fakes.Killed):
        bring(declared)
    assert not Path(identity.WORK).exists()
    repo.fails("restore")
    with pytest.raises(TargetError):
        bring(declared)
    assert not Path(identity.WORK).exists()


def test_it_is_said_where_it_comes_from_and_no_argument_shows_a_secret(
    declared: Settings, repo: FakeRepository, host: Host, programs: Programs
) -> None:
    host.secret("backup_key")
    one = progress()
    identity.bring_back(declared, "", "", one)
    assert said(one) == "from offsite, backup of 2027-01-15 08:00:00.000000+00" and programs.shows() == []
