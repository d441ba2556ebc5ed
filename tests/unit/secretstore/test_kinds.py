# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each kind of secret, its options, templates, and the quoting of environment files."""

from __future__ import annotations

import base64
import re
import uuid
from typing import Any
from urllib.parse import unquote, urlsplit

import bcrypt
import pytest
from ansible_collections.latentum.ops.plugins.module_utils.core.env_file import quote, render
from ansible_collections.latentum.ops.plugins.module_utils.secretstore.kinds import SecretError, bcrypt_hash, check, make
from ansible_collections.latentum.ops.plugins.module_utils.secretstore.kinds import render as fill
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key


@pytest.mark.parametrize("length", [12, 32, 256])
def test_a_password_has_its_length_and_every_class(length: int) -> None:
    for _number in range(200):
        value = make("p", "password", {"length": length}).value
        assert len(value) == length and re.fullmatch(r"[A-Za-z0-9_.-]+", value)
        assert all(re.search(one, value) for one in ("[a-z]", "[A-Z]", "[0-9]"))
        assert not set(value) & set("0O1lI")


def test_no_secret_is_made_twice() -> None:
    for kind in ("password", "token", "uuid", "fernet"):
        assert len({make("s", kind, {}).value for _number in range(100)}) == 100


def test_tokens_carry_as_many_bytes_as_asked() -> None:
    assert len(bytes.fromhex(make("t", "token", {"encoding": "hex", "bytes": 24}).value)) == 24
    assert len(base64.b64decode(make("t", "token", {"encoding": "base64", "bytes": 24}).value, validate=True)) == 24
    assert len(base64.urlsafe_b64decode(make("t", "token", {"bytes": 24}).value)) == 24
    assert re.fullmatch(r"[A-Za-z0-9_-]+", make("t", "token", {}).value)


def test_the_other_kinds_are_what_their_readers_expect() -> None:
    assert uuid.UUID(make("u", "uuid", {}).value).version == 4
    fernet = Fernet(make("f", "fernet", {}).value)
    assert fernet.decrypt(fernet.encrypt(b"x")) == b"x"
    key = load_pem_private_key(make("r", "rsa", {"bits": 2048}).value.encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey) and key.key_size == 2048
    made = make("e", "ed25519", {})
    assert isinstance(load_pem_private_key(made.value.encode(), None), ed25519.Ed25519PrivateKey)
    assert made.companions[".pub"].startswith("-----BEGIN PUBLIC KEY-----")


def test_an_htpasswd_line_is_one_of_its_clear_password() -> None:
    made = make("admin", "htpasswd", {"user": "alice"})
    user, hashed = made.value.split(":")
    assert user == "alice" and bcrypt.checkpw(made.companions[".password"].encode(), hashed.encode())
    assert hashed.startswith("$2b$12$"), "the cost of a guess"


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"name": "../x", "kind": "uuid"}, r"name '../x': write lower case"),
    ({"name": "metadata.json", "kind": "uuid"}, r"name 'metadata.json': write"),
    ({"name": "p", "kind": "password", "length": 2}, r"secrets.p.length: 2: write a number from 12 to 256"),
    ({"name": "p", "kind": "password", "length": 0}, r"secrets.p.length: 0: write"),
    ({"name": "t", "kind": "token", "bytes": 1}, r"secrets.t.bytes: 1: write a number from 16"),
    ({"name": "r", "kind": "rsa", "bits": 512}, r"secrets.r.bits: 512: write a number from 2048"),
    ({"name": "h", "kind": "htpasswd"}, r"secrets.h.user: is missing"),
    ({"name": "h", "kind": "htpasswd", "user": "a:b"}, r"secrets.h.user: 'a:b': write a name without ':'"),
    ({"name": "b", "kind": "bcrypt"}, r"secrets.b.of: is missing"),
    ({"name": "x", "kind": "template"}, r"secrets.x.template: is missing"),
    ({"name": "u", "kind": "uuid", "consumers": [{"service": "../../etc", "uid": 0, "gid": 0}]}, r"secrets.u: service '../../etc'"),
]


@pytest.mark.parametrize(("entry", "message"), REFUSED)
def test_a_bad_entry_is_refused_by_key_and_value(entry: dict[str, Any], message: str) -> None:
    with pytest.raises(SecretError, match=message):
        check(entry)


def test_bcrypt_does_not_cut_a_long_secret_silently() -> None:
    with pytest.raises(SecretError, match="72 bytes"):
        bcrypt_hash("x" * 73)


def test_a_password_with_every_delimiter_survives_a_url() -> None:
    value = "p@ss/w:rd%?#&+ ü"
    url = fill("url", "postgres://app:{{ password | urlencode }}@database:5432/app", {"password": value})
    parts = urlsplit(url)
    assert (parts.hostname, parts.port, parts.path) == ("database", 5432, "/app")
    assert unquote(parts.password or "") == value


def test_templates_take_values_as_they_are() -> None:
    assert fill("t", "{{a}} {{ b | b64encode }}", {"a": "{{ b }}", "b": "x"}) == "{{ b }} eA=="


@pytest.mark.parametrize("template", ["{{ a | shell }}", "{{ missing }}", "{{ a.b }}", "{{ a", "{{ ''.__class__ }}"])
def test_a_template_can_do_nothing_else(template: str) -> None:
    with pytest.raises(SecretError, match=r"secrets\.t\.template"):
        fill("t", template, {"a": "hunter2"})


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("plain-1.2_3", "plain-1.2_3"),
        ("with space", "'with space'"),
        ("$HOME ${X} #no", "'$HOME ${X} #no'"),
        ('say "x"', "'say \"x\"'"),
        ("it's $5", '"it\'s \\$5"'),
        ("a\\b", '"a\\\\b"'),
        ("one\ntwo", "'one\ntwo'"),
        ("it's\ntwo", '"it\'s\\ntwo"'),
        ("", "''"),
    ],
)
def test_env_values_are_quoted_as_compose_reads_them(value: str, written: str) -> None:
    assert quote(value) == written


def test_an_env_file_refuses_what_is_no_variable() -> None:
    with pytest.raises(ValueError, match="A-B"):
        render({"A-B": "x"})
