# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is declared of operators is read as a whole; what is wrong is named with its key, its value, and what to write instead."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.access.declaration import without_secrets

from .people import NOW, entry, operators, public_key, read

ADMIN = entry("anna", 1)


def key(number: int, **more: Any) -> dict[str, Any]:
    return {"key": public_key(number), **more}


def test_a_whole_declaration() -> None:
    declared = entry(
        "ben", 2, scopes=[{"level": "read"}, {"level": "deploy", "stacks": ["shop"]}], **{"from": ["198.51.100.0/24", "2001:db8::/48"]}
    )
    declared["keys"] = [key(2, expires="2027-06-30"), key(3, **{"from": ["198.51.100.7"]})]
    ben = operators(ADMIN, declared)[1]
    assert [own.expires for own in ben.keys] == [1_814_400_000.0, 0], "to the end of that day in UTC"
    assert ben.networks_of(ben.keys[0]) == ("198.51.100.0/24", "2001:db8::/48") and ben.networks_of(ben.keys[1]) == ("198.51.100.7/32",)
    assert not ben.admin and ben.present(NOW)


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ({**entry("ben", 2), "keys": []}, "ops_operators[1].keys: ben has no key, and passwords are not accepted over SSH"),
        ({**entry("ben", 2), "keys": [key(2, expires="2026-12-31")]}, "every key of ben has expired"),
        ({**entry("ben", 2), "keys": [key(2, expires="someday")]}, 'ops_operators[1].keys[0].expires: is no time (found "someday")'),
        ({**entry("ben", 2), "keys": [{"key": "ssh-ed25519 AAAA…"}]}, "is the placeholder of the documentation"),
        ({**entry("ben", 2), "keys": [{"key": f'command="id" {public_key(2)}'}]}, "has options before it"),
        ({**entry("ben", 2), "keys": [{"key": f"{public_key(2)}\n{public_key(3)}"}]}, "is several lines"),
        ({**entry("ben", 2), "keys": [key(2, **{"from": ["198.51.100.1/24"]})]}, 'has bits of a host set (found "198.51.100.1/24")'),
        ({**entry("ben", 2), "keys": [key(2, **{"from": ["10.0.0.0/8"]})], "from": ["192.0.2.0/24"]}, "in the networks of ben"),
        ({**entry("ben", 1), "keys": [key(1)]}, "the key of ben is that of anna"),
        (entry("ben", 2, scopes=[]), "ops_operators[1].scopes: says nothing that this operator may do"),
        (entry("ben", 2, scopes=[{"level": "root"}]), 'is no level (found "root")'),
        (entry("ben", 2, scopes=[{"level": "deploy", "stacks": []}]), "a scope deploy for no stack permits nothing"),
        (entry("ben", 2, scopes=[{"level": "deploy", "stacks": ["shpo"]}]), "did you mean shop?"),
        (entry("ben", 2, scopes=[{"level": "admin", "stacks": ["shop"]}]), "an admin becomes root"),
        (entry("Ben", 2), "is no name of an operator's account"),
        (entry("ben.b", 2), "is no name of an operator's account"),
        (entry("root", 2), "is no name of an operator's account"),
        (entry("ben", 2, certificates=True), "no authority is declared"),
        (entry("ben", 2, second_factor="password"), "sudo would ask ben for a password that there is none of"),
        (entry("ben", 2, second_factor="password", password_hash="a:b"), "a password that there is none of"),
        (entry("ben", 2, password_hash="$6$x$y"), "ben has a password that nothing asks for"),
        (entry("ben", 2, second_factor="totp"), "the secret of ben is shorter than 128 bits"),
        (entry("ben", 2, second_factor="totp", totp_secret="1!"), "the secret of ben is no Base32"),
        (entry("ben", 2, totp_secret="JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"), "a secret of codes that nothing asks for"),
        (entry("ben", 2, second_factor="sms"), 'is no second factor (found "sms")'),
        (entry("ben", 2, second_factor="fido2"), "keys on security keys only, and this one is a file"),
        (entry("ben", 2, level="deploy", break_glass=True), "could not repair everything"),
        (entry("anna", 2), 'is declared twice (found "anna")'),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused(declared: dict[str, Any], said: str) -> None:
    _operators, problems = read(ADMIN, declared)
    assert any(said in problem for problem in problems), problems
    assert all("\n   -> " in problem for problem in problems), "each says what to write instead"


def test_secrets_are_in_no_message() -> None:
    wrong = entry("ben", 2, second_factor="none", password_hash="$6$hidden$hash", totp_secret="HIDDENSECRET")
    found, problems = read(ADMIN, wrong)
    assert len(problems) == 2 and not any("hidden" in text.lower() for text in (*problems, repr(found[1])))


@pytest.mark.parametrize(
    "more",
    [
        {"second_factor": "password", "password_hash": "$6$salt$hidden"},
        {"second_factor": "password", "password_hash": "hidden"},
        {"second_factor": "totp", "totp_secret": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"},
        {"second_factor": "totp", "totp_secret": "hidden"},
        {"second_factor": "none", "totp_secret": "hidden"},
        {"second_factor": "password"},
    ],
)
def test_what_only_judges_is_told_no_secret_and_judges_the_same(more: dict[str, str]) -> None:
    whole = entry("ben", 2, **more)
    plain = without_secrets(whole)
    assert "hidden" not in str(plain) and "JBSW" not in str(plain)
    short = [problem.partition(":")[0] for problem in read(ADMIN, whole)[1]]
    assert [problem.partition(":")[0] for problem in read(ADMIN, plain)[1]] == short


def test_somebody_has_to_be_an_admin() -> None:
    nobody = "nobody would be an admin"
    assert nobody in read(entry("ben", 2, level="deploy"))[1][0]
    assert nobody in read(entry("ben", 2, expires="2026-12-31"))[1][0], "one who has expired is none"
    assert nobody in read(entry("glass", 2, break_glass=True))[1][0], "nor is the sealed key"
    assert nobody in read({"name": "ben", "state": "absent"})[1][0]
    assert read(entry("ben", 2, level="deploy"), others={"ops": True})[1] == []


def test_the_account_of_this_run_keeps_its_way() -> None:
    assert "this run is connected as it" in read(ADMIN, {"name": "ben", "state": "absent"}, login="ben")[1][0]
    asked = entry("ben", 2, second_factor="totp", totp_secret="JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")
    assert "Ansible could not answer sudo" in read(ADMIN, asked, login="ben")[1][0]
    assert read(ADMIN, asked, login="ops")[1] == []


def test_an_account_of_role_base_is_in_one_list_only() -> None:
    assert "ben is in base_operators too" in read(ADMIN, entry("ben", 2), others={"ben": False})[1][0]


def test_an_operator_who_is_absent_needs_nothing_else() -> None:
    assert operators(ADMIN, {"name": "ben", "state": "absent"})[1].absent


def test_a_security_key_and_a_certificate_are_ways_in() -> None:
    hardware = entry("ben", 2, second_factor="fido2", keys=[{"key": public_key(2, "sk-ssh-ed25519@openssh.com")}])
    certified = {"name": "carl", "certificates": True, "scopes": [{"level": "read"}]}
    assert [found.name for found in operators(ADMIN, hardware, certified, authority=True)] == ["anna", "ben", "carl"]
