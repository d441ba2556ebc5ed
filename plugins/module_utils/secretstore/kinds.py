# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kinds of secrets: how a value comes to be, and what belongs to it."""

from __future__ import annotations

import base64
import re
import secrets
import string
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..contracts.secret_kinds import FILTERS, LOGIN, NAME, REFERENCE

# No characters that a shell, a URL, YAML or a Compose file reads as its own; none that look alike.
ALPHABET = "".join(sorted(set(string.ascii_letters + string.digits) - set("0O1lI"))) + "-_."
CLASSES = (string.ascii_lowercase, string.ascii_uppercase, string.digits)


PLACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")  # a stack or a service: one folder
# Numbers that an option may have; less is guessed or too weak, more is not what anybody means.
LIMITS = {"password": ("length", 12, 256), "token": ("bytes", 16, 512), "rsa": ("bits", 2048, 8192)}
REQUIRED = {"htpasswd": "user", "bcrypt": "of", "template": "template"}
HASHED = 72  # bytes that bcrypt reads of a password
BCRYPT_COST = 12  # rounds as a power of two: a quarter of a second for each guess


class SecretError(ValueError):
    """A secret cannot be made as described; the message names it, the key, and what to write, never a value."""


@dataclass(frozen=True)
class Made:
    """A value and what comes with it, for example the public half of a key pair (suffix → content)."""

    value: str
    companions: Mapping[str, str]


def check(entry: Mapping[str, Any]) -> None:
    """Refuse an entry that cannot be made, before anything is.

    :raises SecretError: a name that is no file of the store, a missing option, a number out of its range.
    """
    name, kind = str(entry["name"]), str(entry["kind"])
    if not NAME.fullmatch(name):
        raise SecretError(f"secrets: name {name!r}: write lower case letters, digits and '_', such as database_password")
    for use in [*(entry.get("consumers") or []), *(entry.get("environment") or [])]:
        if not PLACE.fullmatch(str(use["service"])):
            raise SecretError(f"secrets.{name}: service {use['service']!r}: write the name of a service in the Compose file")
    option = REQUIRED.get(kind, "")
    if option and not entry.get("value") and not entry.get(option):
        raise SecretError(f"secrets.{name}.{option}: is missing: a secret of kind {kind} needs it, or a value")
    if kind == "htpasswd" and ":" in str(entry.get("user") or ""):
        raise SecretError(f"secrets.{name}.user: {entry['user']!r}: write a name without ':', which ends it in an htpasswd line")
    number, least, most = LIMITS.get(kind, ("", 0, 0))
    if number and entry.get(number) is not None and not least <= int(entry[number]) <= most:
        raise SecretError(f"secrets.{name}.{number}: {entry[number]}: write a number from {least} to {most}")


def render(name: str, template: str, values: Mapping[str, str], logins: Mapping[str, str] | None = None) -> str:
    """Fill a template with other secrets.

    :param logins: by secret, the role that it is the password of now.
    :raises SecretError: it uses a secret or a filter that is not there.
    """

    def fill(match: re.Match[str]) -> str:
        source, chosen = match[1], match[2]
        if source not in values:
            raise SecretError(f"secrets.{name}.template: {source} is no secret of this stack: declare it, or correct the name")
        if chosen == LOGIN:
            if not (logins or {}).get(source):
                raise SecretError(f"secrets.{name}.template: {source} is the password of no role: give it rotation: {{kind: postgresql}}")
            return (logins or {})[source]
        if chosen and chosen not in FILTERS:
            raise SecretError(f"secrets.{name}.template: filter {chosen!r}: write one of {', '.join((*FILTERS, LOGIN))}")
        return FILTERS[chosen](values[source]) if chosen else values[source]

    filled = REFERENCE.sub(fill, template)
    if "{{" in REFERENCE.sub("", template):
        raise SecretError(f"secrets.{name}.template: write {{{{ secret }}}} or {{{{ secret | urlencode }}}}, with names of secrets only")
    return filled


def make(name: str, kind: str, options: Mapping[str, Any]) -> Made:
    """A fresh secret of a kind that needs no other secret.

    :raises SecretError: the kind cannot be generated.
    """
    if kind == "password":
        return Made(_password(int(options.get("length") or 32)), {})
    if kind == "token":
        return Made(_token(str(options.get("encoding") or "urlsafe"), int(options.get("bytes") or 32)), {})
    if kind == "uuid":
        return Made(str(uuid.uuid4()), {})
    if kind == "fernet":
        return Made(base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(), {})
    if kind in {"rsa", "ed25519"}:
        return _key_pair(kind, int(options.get("bits") or 3072))
    if kind == "htpasswd":
        password = _password(32)
        return Made(f"{options['user']}:{bcrypt_hash(password)}", {".password": password})
    raise SecretError(f"secrets.{name}: a secret of kind {kind} is not generated: give it a value")


def _password(length: int) -> str:
    """Letters, digits and `-_.`, at least one of each class; 6 bits of chance a character."""
    while True:
        value = "".join(secrets.choice(ALPHABET) for _number in range(length))
        if all(set(value) & set(characters) for characters in CLASSES) and value[0].isalnum():
            return value


def _token(encoding: str, size: int) -> str:
    raw = secrets.token_bytes(size)
    if encoding == "hex":
        return raw.hex()
    return (base64.b64encode(raw) if encoding == "base64" else base64.urlsafe_b64encode(raw).rstrip(b"=")).decode()


def _key_pair(kind: str, bits: int) -> Made:
    """Private key as PKCS #8 PEM, public key as PEM."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

    key = rsa.generate_private_key(65537, bits) if kind == "rsa" else ed25519.Ed25519PrivateKey.generate()
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return Made(private.decode(), {".pub": key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo).decode()})


def bcrypt_hash(password: str) -> str:
    """A bcrypt hash, as nginx and Apache read it.

    :raises SecretError: the password is longer than what bcrypt reads of it.
    """
    import bcrypt

    if len(password.encode()) > HASHED:
        raise SecretError(f"a secret of more than {HASHED} bytes cannot be hashed by bcrypt: make it shorter")
    return str(bcrypt.hashpw(password.encode(), bcrypt.gensalt(BCRYPT_COST)).decode())


def bcrypt_matches(password: str, hashed: str) -> bool:
    """The hash is one of this password."""
    import bcrypt

    try:
        return bool(bcrypt.checkpw(password.encode(), hashed.encode()))
    except ValueError:
        return False
