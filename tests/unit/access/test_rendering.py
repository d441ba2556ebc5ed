# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files for sshd and sudo, judged by the programs themselves where they are there."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.access import rendering
from ansible_collections.latentum.ops.plugins.module_utils.access.in_force import rules
from ansible_collections.latentum.ops.plugins.module_utils.access.register import Register, load

from .people import NOW, entry, operators, public_key

ANNA, BEN, CARL, DORA = operators(
    entry("anna", 1, forwarding=True),
    entry("ben", 2, level="deploy", expires="2027-06-30", keys=[{"key": public_key(2), "expires": "2027-03-31", "from": ["192.0.2.0/24"]}]),
    entry("carl", 3, level="read", certificates=True, second_factor="password", password_hash="$6$a$b"),
    entry("dora", 4, level="read", keys=[{"key": public_key(4), "expires": "2027-01-01"}, {"key": public_key(5)}]),
    authority=True,
)


def keys(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith("#")]


def test_keys_say_from_where_and_until_when(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        line = keys(rendering.authorized_keys(BEN, NOW))[0]
    finally:
        monkeypatch.delenv("TZ")
        time.tzset()
    assert line.startswith('restrict,pty,from="192.0.2.0/24",expiry-time="202704010200" ssh-ed25519 '), "in the time zone of the host"
    assert line.endswith(" ben-1")
    assert keys(rendering.authorized_keys(ANNA, NOW)) == [f"{' '.join(public_key(1).split()[:2])} anna-1"]


def test_expired_keys_and_operators_open_nothing() -> None:
    assert [line.split()[-1] for line in keys(rendering.authorized_keys(DORA, NOW))] == ["dora-2"]
    later = BEN.expires + 1
    assert keys(rendering.authorized_keys(BEN, later)) == [] == keys(rendering.principals(BEN, ["shop"], later))


def test_principals_carry_the_same_options() -> None:
    assert keys(rendering.principals(CARL, ["shop"], NOW)) == ["restrict,pty carl", "restrict,pty carl@shop"]
    assert keys(rendering.principals(ANNA, ["shop"], NOW)) == []


def test_whoever_is_no_admin_may_run_one_command() -> None:
    assert rendering.sudoers(ANNA).endswith("\nanna ALL=(ALL:ALL) NOPASSWD: ALL\n")
    assert rendering.sudoers(BEN).endswith("\nben ALL=(root:root) NOPASSWD: /usr/local/lib/latentum-ops/scoped/opsctl\n")
    assert rendering.sudoers(CARL).endswith("\ncarl ALL=(root:root) /usr/local/lib/latentum-ops/scoped/opsctl\n"), "asked for the password"
    for person in (BEN, CARL, DORA):
        rule = rendering.sudoers(person).splitlines()[-1]
        assert not set("*?[]!,") & set(rule), "a pattern would be root by another name"


@pytest.mark.skipif(not shutil.which("visudo"), reason="no visudo (package sudo)")
def test_visudo_takes_each_rule(tmp_path: Path) -> None:
    for text in (*map(rendering.sudoers, (ANNA, BEN, CARL)), rendering.log_of_sudo()):
        file = tmp_path / "rule"
        file.write_text(text)
        file.chmod(0o440)
        done = subprocess.run(["visudo", "--check", "--strict", f"--file={file}"], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_keys_in_homes_open_no_account_of_an_operator() -> None:
    text = rendering.sshd(["ben", "anna", "left"], ["anna"], authority=False)
    assert "Match User anna,ben,left\n    AuthorizedKeysFile /etc/latentum-ops/access/keys/%u\n    AuthorizedKeysCommand none\n" in text
    assert "Match User ben,left\n    AllowTcpForwarding no" in text and "TrustedUserCAKeys none" in text
    assert "TrustedUserCAKeys /etc/latentum-ops/access/user_authorities" in rendering.sshd(["ben"], [], authority=True)
    assert "Match" not in rendering.sshd([], [], authority=True)


def test_nothing_secret_is_in_what_is_kept(tmp_path: Path) -> None:
    register = Register((ANNA, BEN, CARL, DORA), ("left",))
    assert "$6$" not in register.text()
    file = tmp_path / "operators.json"
    file.write_text(register.text())
    known = load(file)
    assert known.departed == ("left",) and [person.name for person in known.operators] == ["anna", "ben", "carl", "dora"]
    assert known.of("ben") == BEN and known.of("nobody") is None


@pytest.mark.parametrize("text", ["{", "[]", '{"operators": [{"name": "x", "scopes": [{"level": "root"}]}]}'])
def test_a_damaged_file_permits_nothing(tmp_path: Path, text: str) -> None:
    file = tmp_path / "operators.json"
    file.write_text(text)
    with pytest.raises(ValueError, match=r"operators\.json"):
        load(file)


def test_only_those_who_are_present_have_a_rule() -> None:
    left = operators(entry("anna", 1), entry("ben", 2, expires="2026-12-31"))
    paths = [str(file.path) for file in rendering.files(Register(tuple(left)), [], [], b"", NOW)]
    assert "/etc/sudoers.d/latentum-access-anna" in paths and "/etc/sudoers.d/latentum-access-ben" not in paths


def test_the_rules_that_sudo_says() -> None:
    listing = (
        "Matching Defaults entries for ben on web:\n    env_reset, use_pty\n\nUser ben may run the following commands on web:\n"
        "    (root : root) NOPASSWD: /usr/local/lib/latentum-ops/scoped/opsctl\n    (ALL) NOPASSWD: SETENV: /usr/bin/docker ps *\n"
    )
    assert rules(listing) == ["root:root: /usr/local/lib/latentum-ops/scoped/opsctl", "ALL: /usr/bin/docker ps *"]
