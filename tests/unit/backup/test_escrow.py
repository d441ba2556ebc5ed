# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys of the repositories on their way to those who rebuild a host, and back."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.backup import escrow
from ansible_collections.latentum.ops.plugins.module_utils.backup.settings import BackupError, Settings
from ansible_collections.latentum.ops.plugins.module_utils.contracts.backup_settings import Escrow

from . import fakes
from .fakes import SECRET, Call, Host, Programs, target

host, programs = fakes.host, fakes.programs

ADA, BERT = "age1ada", "age1bert"


@pytest.fixture
def declared(host: Host) -> Settings:
    offsite = target(
        key_file=host.secret("key_offsite", f"{SECRET} key\n"),
        environment={"AWS_ACCESS_KEY_ID": host.secret("s3", f"{SECRET} s3"), "AWS_SECRET": host.secret("s3")},
        ssh_key_file="",
    )
    nas = target("nas", key_file=host.secret("key_nas", f"{SECRET} nas"), ssh_key_file=host.secret("ssh", f"{SECRET}\nssh\n"))
    host.secret("s3", f"{SECRET} s3")
    host.secret("database_password")
    return Settings("shop", "/opt/shop", (offsite, nas), escrow=Escrow((ADA,)))


@pytest.fixture
def age(programs: Programs) -> list[str]:
    """What age was given; what it writes differs each time."""
    given: list[str] = []

    def encrypt(call: Call) -> str:
        given.append(str(call.given["input"]))
        return f"-----BEGIN AGE ENCRYPTED FILE----- {len(given)}\n"

    programs.on("age --encrypt", do=encrypt)
    return given


def recipients(declared: Settings, *names: str) -> Settings:
    return Settings("shop", "/opt/shop", declared.targets, escrow=Escrow(names))


# The bundle


def test_it_holds_what_opens_the_targets_and_nothing_else(declared: Settings, host: Host) -> None:
    folder = host.secrets / "shop"
    assert escrow.bundle(declared) == {
        "format": 1,
        "stack": "shop",
        "targets": [
            {"name": "offsite", "repository": "s3:https://offsite.example/shop"},
            {"name": "nas", "repository": "s3:https://nas.example/shop"},
        ],
        "files": {
            f"{folder}/key_offsite": f"{SECRET} key\n",
            f"{folder}/s3": f"{SECRET} s3",
            f"{folder}/key_nas": f"{SECRET} nas",
            f"{folder}/ssh": f"{SECRET}\nssh\n",
        },
    }


@pytest.mark.parametrize("content", [None, ""])
def test_a_bundle_that_lacks_a_key_is_none(content: str | None, declared: Settings, host: Host) -> None:
    file = host.secrets / "shop" / "key_nas"
    file.unlink() if content is None else file.write_text(content)
    with pytest.raises(BackupError, match=r"key_nas is missing: run site.yml with --tags secrets"):
        escrow.bundle(declared)


# Sealing


def test_it_is_written_for_its_recipients_and_root_s_alone(declared: Settings, age: list[str], programs: Programs) -> None:
    assert escrow.seal(recipients(declared, ADA, BERT)) is True
    (call,) = programs.calls
    assert call.argv == ("age", "--encrypt", "--armor", "--recipient", ADA, "--recipient", BERT)
    assert json.loads(age[0]) == escrow.bundle(declared)
    assert escrow.path("shop").read_text().startswith("-----BEGIN AGE") and stat.S_IMODE(escrow.path("shop").stat().st_mode) == 0o600


def test_no_secret_is_shown_or_left_in_the_clear(declared: Settings, age: list[str], programs: Programs, host: Host) -> None:
    escrow.seal(declared)
    assert programs.shows() == [] and not [one for one in host.backups.iterdir() if SECRET in one.read_text()]


def test_it_is_written_only_when_something_changed(declared: Settings, age: list[str], host: Host) -> None:
    assert [escrow.seal(declared) for _time in range(3)] == [True, False, False]
    before = escrow.path("shop").read_text()
    host.secret("key_nas", "rotated")
    assert escrow.seal(declared) is True and escrow.path("shop").read_text() != before and "rotated" in age[-1]
    assert escrow.seal(declared) is False


@pytest.mark.parametrize(("names", "written"), [((ADA, BERT), True), ((BERT,), True), ((ADA,), False)])
def test_other_recipients_get_a_bundle_of_their_own(names: tuple[str, ...], written: bool, declared: Settings, age: list[str]) -> None:
    escrow.seal(declared)
    assert escrow.seal(recipients(declared, *names)) is written


def test_the_order_of_recipients_means_nothing(declared: Settings, age: list[str]) -> None:
    escrow.seal(recipients(declared, ADA, BERT))
    assert escrow.seal(recipients(declared, BERT, ADA)) is False


def test_another_target_makes_another_bundle(declared: Settings, age: list[str]) -> None:
    escrow.seal(declared)
    fewer = Settings("shop", "/opt/shop", declared.targets[:1], escrow=declared.escrow)
    assert escrow.seal(fewer) is True


def test_a_bundle_that_somebody_removed_is_written_again(declared: Settings, age: list[str]) -> None:
    escrow.seal(declared)
    escrow.path("shop").unlink()
    assert escrow.seal(declared) is True


@pytest.mark.parametrize("declaration", [{}, {"recipients": []}, {"recipients": None, "vault": True}])
def test_without_a_recipient_nothing_is_written(declaration: dict[str, Any], declared: Settings, age: list[str]) -> None:
    with pytest.raises(BackupError, match="nobody could open the bundle"):
        escrow.seal(Settings("shop", "/opt/shop", declared.targets, escrow=Escrow.from_dict(declaration)))
    assert age == []


def test_a_recipient_that_age_refuses_is_told_and_the_bundle_before_stays(declared: Settings, age: list[str], programs: Programs) -> None:
    escrow.seal(declared)
    before = escrow.path("shop").read_text()
    programs.on("age --encrypt", rc=1, stderr='age: error: unknown recipient type: "x"\n')
    with pytest.raises(BackupError, match="could not be encrypted: age: error: unknown recipient type") as caught:
        escrow.seal(recipients(declared, "x"))
    assert escrow.path("shop").read_text() == before and SECRET not in str(caught.value)
    programs.on("age --encrypt", stdout="sealed")
    assert escrow.seal(recipients(declared, "x")) is True


def test_a_kill_between_bundle_and_mark_is_made_good(declared: Settings, age: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    write = escrow.write_atomic

    def written(path: Path, *given: Any) -> None:
        if path.suffix == ".mark":
            raise fakes.Killed
        write(path, *given)

    with monkeypatch.context() as patch, pytest.raises(fakes.Killed):
        patch.setattr(escrow, "write_atomic", written)
        escrow.seal(declared)
    assert escrow.seal(declared) is True and escrow.seal(declared) is False


# Planting


def opened(host: Host, **files: str) -> str:
    return json.dumps({"format": 1, "files": {str(host.secrets / "shop" / name): content for name, content in files.items()}})


def test_what_was_sealed_comes_back_as_it_was(declared: Settings, host: Host) -> None:
    text = json.dumps(escrow.bundle(declared))
    before = {one: one.read_text() for one in (host.secrets / "shop").iterdir() if one.name != "database_password"}
    for one in (host.secrets / "shop").iterdir():
        one.unlink()
    (host.secrets / "shop").rmdir()
    assert sorted(escrow.plant(text)) == sorted(map(str, before))
    assert {one: one.read_text() for one in (host.secrets / "shop").iterdir()} == before
    assert {stat.S_IMODE(one.stat().st_mode) for one in before} == {0o600}
    assert stat.S_IMODE((host.secrets / "shop").stat().st_mode) == 0o700
    assert escrow.plant(text) == []


def test_a_value_that_is_there_and_another_one_changes_nothing(host: Host) -> None:
    host.secret("b", "mine")
    with pytest.raises(BackupError, match=r"b is there already with another value: .*nothing was changed") as caught:
        escrow.plant(opened(host, a="1", b=SECRET, c="3"))
    assert sorted(one.name for one in (host.secrets / "shop").iterdir()) == ["b"] and (host.secrets / "shop" / "b").read_text() == "mine"
    assert SECRET not in str(caught.value) and "mine" not in str(caught.value)


def test_an_empty_file_is_no_value(host: Host) -> None:
    host.secret("a", "")
    assert escrow.plant(opened(host, a="1")) == [str(host.secrets / "shop" / "a")]


@pytest.mark.parametrize("name", ["/etc/shadow", "{secrets}/../shadow", "{secrets}/shop/../../shadow", "shop/key", "{secrets}2/key", "/"])
def test_nothing_is_written_outside_of_the_secrets(name: str, host: Host) -> None:
    files = {str(host.secrets / "shop" / "a"): "1", name.format(secrets=host.secrets): "owned"}
    with pytest.raises(BackupError, match=r"is not below .*: this is no bundle of keys"):
        escrow.plant(json.dumps({"files": files}))
    assert not host.secrets.exists() and not (host.root / "shadow").exists()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-----BEGIN AGE ENCRYPTED FILE-----",
        "[]",
        "{}",
        "7",
        '{"files": ["/x"]}',
    ],
)
def test_what_is_no_bundle_is_refused(text: str, host: Host) -> None:
    with pytest.raises(BackupError, match="this is no bundle of keys: give the decrypted text"):
        escrow.plant(text)


def test_a_value_that_is_no_text_changes_nothing(host: Host) -> None:
    text = json.dumps({"files": {str(host.secrets / "shop" / "a"): "1", str(host.secrets / "shop" / "b"): 2}})
    with pytest.raises(BackupError):
        escrow.plant(text)
    assert not (host.secrets / "shop" / "a").exists()
