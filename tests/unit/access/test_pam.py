# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines of ours in files of PAM: between marks, once, and gone when they are not wanted any more."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.access import break_glass, pam

SUDO = "#%PAM-1.0\n\nsession    required   pam_limits.so\n\n@include common-auth\n@include common-account\n"
SU = "auth       sufficient pam_rootok.so\n\n# auth       required   pam_wheel.so\n@include common-auth\n"
COMMON = "auth\t[success=1 default=ignore]\tpam_unix.so nullok try_first_pass\nauth\trequisite\t\t\tpam_deny.so\n"
SECRET = "JBSW Y3DP-EHPK3PXPJBSWY3DPEHPK3PXP"


def test_those_who_are_named_are_asked_for_a_code() -> None:
    asked = pam.sudo(SUDO, ["eve", "dan"])
    lines = asked.splitlines()
    begin = lines.index(pam.BEGIN)
    assert lines[begin + 1 : begin + 5] == [
        "auth [success=ignore default=1] pam_succeed_if.so quiet user in dan:eve",
        "auth [success=done default=die] pam_oath.so usersfile=/etc/latentum-ops/access/totp window=1",
        pam.END,
        "@include common-auth",
    ], "everybody else skips the one module, and goes on as before"
    assert pam.sudo(asked, ["dan", "eve"]) == asked, "a second run changes nothing"
    assert pam.sudo(asked, []) == SUDO, "and what is not wanted is as it was"


@pytest.mark.parametrize("text", ["", "auth required pam_unix.so\n"])
def test_a_file_of_another_form_stays(text: str) -> None:
    assert pam.sudo(text, ["eve"]) == text == pam.su(text, restricted=True)


def test_nobody_but_root_becomes_somebody_by_su() -> None:
    once = pam.su(SU, restricted=True)
    assert once.index("pam_rootok") < once.index("auth required pam_wheel.so use_uid group=root") < once.index("@include common-auth")
    assert pam.su(once, restricted=True) == once and pam.su(once, restricted=False) == SU


def test_no_empty_password_opens_an_account() -> None:
    assert pam.without_empty_passwords(COMMON).splitlines()[0] == "auth\t[success=1 default=ignore]\tpam_unix.so try_first_pass"
    assert pam.without_empty_passwords(COMMON.replace("nullok", "nullok_secure")) == pam.without_empty_passwords(COMMON)
    assert "pam_deny" in pam.without_empty_passwords(COMMON)


def test_a_code_that_was_used_stays_used() -> None:
    fresh = pam.codes("", {"eve": SECRET})
    assert fresh == "HOTP/T30/6\teve\t-\t48656c6c6f21deadbeef48656c6c6f21deadbeef\n"
    used = fresh.replace("\n", "\t0\t948253\t2026-11-30T18:49:42L\n")
    assert pam.codes(used, {"eve": SECRET}) == used
    other = pam.codes(used, {"eve": "A" * 32, "dan": SECRET})
    assert "948253" not in other and other.count("\n") == 2, "another secret begins anew"
    assert pam.codes(used, {}) == ""


def test_the_notice_is_for_those_accounts_alone(tmp_path: Path) -> None:
    script = tmp_path / "notice"
    told = "echo told\nexit\n"
    script.write_text(pam.notice(["glass", "ice"]).replace("logger ", f"{told}logger "))
    for user, kind, wanted in (("glass", "open_session", "told\n"), ("ice", "open_session", "told\n"), ("glass", "close_session", "")):
        done = subprocess.run(["sh", str(script)], env={"PAM_USER": user, "PAM_TYPE": kind}, capture_output=True, text=True, check=True)
        assert done.stdout == wanted
    for user in ("anna", "glassy", "*", "glass|ice", ""):
        done = subprocess.run(
            ["sh", str(script)], env={"PAM_USER": user, "PAM_TYPE": "open_session"}, capture_output=True, text=True, check=True
        )
        assert done.stdout == "", user


def test_a_use_is_kept_until_somebody_has_seen_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(break_glass, "FILE", tmp_path / "break_glass.json")
    assert break_glass.load() is None and break_glass.acknowledge() is None
    for at in (10.0, 20.0):
        break_glass.note({"PAM_USER": "glass", "PAM_RHOST": "192.0.2.1\n<b>", "PAM_SERVICE": "sshd"}, at)
    seen = break_glass.load()
    assert seen and seen.describe() == "glass was used at 1970-01-01 00:00:20 UTC from 192.0.2.1??b? by sshd, the last of 2 times"
    assert break_glass.acknowledge() == seen and break_glass.load() is None
    (tmp_path / "break_glass.json").write_text("{")
    damaged = break_glass.load()
    assert damaged and "damaged" in damaged.describe(), "silence is never the answer to a damaged file"
