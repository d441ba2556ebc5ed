# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates and revocations, by the real ssh-keygen."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.access import revocation
from ansible_collections.latentum.ops.plugins.module_utils.access.authority import Authority, AuthorityError, Request, current
from ansible_collections.latentum.ops.plugins.module_utils.cli import ca
from ansible_collections.latentum.ops.plugins.module_utils.schema.nodes import Problem


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    made = Authority(tmp_path / "authority")
    made.make(passphrase=False)
    return made


@pytest.fixture
def key(tmp_path: Path) -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "id")], check=True)
    return tmp_path / "id.pub"


def revoked(krl: bytes, certificate: Path, folder: Path) -> bool:
    """Whether ssh-keygen finds it in the list."""
    (folder / "krl").write_bytes(krl)
    return (
        subprocess.run(["ssh-keygen", "-Q", "-f", str(folder / "krl"), str(certificate)], capture_output=True, check=False).returncode != 0
    )


def test_a_certificate_is_for_an_account_stacks_and_hours(authority: Authority, key: Path) -> None:
    signed, target = authority.sign(Request("ben", key, ("shop", "blog"), ("192.0.2.0/24",), "90m"))
    shown = subprocess.run(["ssh-keygen", "-L", "-f", str(target)], capture_output=True, text=True, check=True).stdout
    principals = shown.partition("Principals:")[2].partition("Critical Options:")[0].split()
    assert principals == ["ben@shop", "ben@blog"] and "source-address 192.0.2.0/24" in shown
    assert shown.partition("Extensions:")[2].split() == ["permit-pty"], "forwards nothing unless that is asked for"
    assert signed.ends - signed.begins == 90 * 60 + 300 and f'Key ID: "{signed.id}"' in shown and f"Serial: {signed.serial}" in shown
    assert authority.issued() == [signed] and current([signed], signed.ends) == []
    assert authority.log.stat().st_mode & 0o777 == 0o600 == authority.key.stat().st_mode & 0o777


@pytest.mark.parametrize(
    ("request_of", "said"),
    [
        ({"operator": "Ben"}, "no name of an operator"),
        ({"operator": "ben", "stacks": ("a,root",)}, "no name of a stack"),
        ({"operator": "ben", "duration": "30d"}, "from 1m to 24h"),
        ({"operator": "ben", "duration": "5s"}, "from 1m to 24h"),
    ],
)
def test_what_is_not_signed(authority: Authority, key: Path, request_of: dict[str, object], said: str) -> None:
    with pytest.raises(AuthorityError, match=said):
        authority.sign(Request(key=key, **request_of))  # type: ignore[arg-type]
    assert authority.issued() == []


def test_no_private_key_is_signed_and_no_authority_replaced(authority: Authority, key: Path) -> None:
    with pytest.raises(AuthorityError, match="is a private key"):
        authority.sign(Request("ben", key.with_suffix("")))
    with pytest.raises(AuthorityError, match="is there already"):
        authority.make(passphrase=False)
    with pytest.raises(AuthorityError, match="opsctl-ca init"):
        Authority(key.parent / "none").sign(Request("ben", key))


def test_a_certificate_is_revoked_and_its_key_lives_on(authority: Authority, key: Path, tmp_path: Path) -> None:
    first, target = authority.sign(Request("ben", key))
    by_id = revocation.krl(revocation.Revoked(ids=(first.id,)), [authority.public()], b"")
    by_serial = revocation.krl(revocation.Revoked(serials=(str(first.serial),)), [authority.public()], b"")
    assert revoked(by_id, target, tmp_path) and revoked(by_serial, target, tmp_path) and not revoked(by_id, key, tmp_path)
    _second, target = authority.sign(Request("ben", key))
    assert not revoked(by_id, target, tmp_path) and not revoked(by_serial, target, tmp_path)
    by_key = revocation.krl(revocation.Revoked(keys=(key.read_text().strip(),)), [], b"")
    assert revoked(by_key, target, tmp_path) and revoked(by_key, key, tmp_path), "a key is revoked in every certificate"


def test_a_list_that_says_the_same_stays_as_it_is(authority: Authority, key: Path) -> None:
    wanted = revocation.Revoked(keys=(key.read_text().strip(),), ids=("ben-1",))
    made = revocation.krl(wanted, [authority.public()], b"")
    older = made[:20] + bytes(8) + made[28:]  # of another time
    assert revocation.krl(wanted, [authority.public()], older) == older
    assert revocation.krl(revocation.Revoked(), [], made) == b""


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({}, "not exactly one thing"),
        ({"key": "x", "id": "y"}, "not exactly one thing"),
        ({"key": "x"}, "does not begin with a kind of key"),
        ({"serial": "0"}, "is no serial"),
        ({"id": "ben 1\nserial: 1-9"}, "is no id"),
    ],
)
def test_what_is_no_revocation(entry: dict[str, str], said: str) -> None:
    problems: list[Problem] = []
    revocation.read([entry], problems, authority=True)
    assert said in str(problems[0])


def test_an_id_without_an_authority_revokes_nothing() -> None:
    problems: list[Problem] = []
    revocation.read([{"id": "ben-1"}], problems, authority=False)
    assert "no authority is declared" in str(problems[0])


def test_the_command(tmp_path: Path, key: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def run(*words: str) -> int:
        monkeypatch.setattr("sys.argv", ["opsctl-ca", "--folder", str(tmp_path / "ca"), *words])
        return ca.main()

    assert run("sign", "ben", str(key), "--everywhere") == ca.REFUSED
    assert "opsctl-ca init makes one" in capsys.readouterr().err
    assert run("init", "--no-passphrase") == 0 and run("public") == 0
    assert capsys.readouterr().out.count("ssh-ed25519 ") == 2
    assert run("sign", "ben", str(key), "--stack", "shop", "--from", "192.0.2.1/24") == ca.REFUSED
    assert run("sign", "ben", str(key), "--stack", "shop", "--for", "2h") == 0
    assert "for ben@shop, until" in capsys.readouterr().out
    assert run("list") == 0
    assert "ben@shop" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        run("sign", "ben", str(key))
    assert "one of the arguments --stack --everywhere is required" in capsys.readouterr().err, "nobody gets everything by forgetting a word"
