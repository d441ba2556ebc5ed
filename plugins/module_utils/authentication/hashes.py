# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hashes of what callers send: of passwords by crypt(3), as nginx checks them; of keys by SHA-256, as the service looks them up."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from functools import cache

# nginx hashes the password of every request anew, in the worker that serves it: each thousand rounds costs it about a millisecond.
# What was generated has more chance in it than anybody tries; what people chose needs the rounds that are crypt(3)'s default.
ROUNDS_GENERATED, ROUNDS_CHOSEN = 1000, 5000
GENERATED = ("password", "token", "uuid")  # kinds of secrets
SHORTEST_KEY = 16  # characters; the digest of a short key could be guessed by whoever reads it
LONGEST = 256  # characters of a password; crypt(3) takes 511 bytes
_SALT = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class HashError(ValueError):
    """A value that cannot be hashed; the message never holds it."""


@cache
def _crypt() -> Callable[[bytes, bytes], bytes | None]:
    """crypt(3) of the library that nginx is linked to; Python's own module went with 3.13."""
    import ctypes  # not by the service, which has no use for it, and whose memory is never executable

    try:
        library = ctypes.CDLL("libcrypt.so.1")
    except OSError as error:
        raise HashError(f"libcrypt.so.1 is missing on this host: install libcrypt1 ({error})") from error
    function = library.crypt
    function.argtypes, function.restype = [ctypes.c_char_p, ctypes.c_char_p], ctypes.c_char_p
    hashed: Callable[[bytes, bytes], bytes | None] = function
    return hashed


def _hashed(password: str, setting: str) -> str:
    result = _crypt()(password.encode(), setting.encode())
    if not result or result.startswith(b"*"):
        raise HashError("crypt(3) of this host does not know SHA-512")
    return result.decode()


def hash_password(password: str, rounds: int) -> str:
    """The hash of a password for nginx's C(auth_basic_user_file).

    :raises HashError: the password cannot be typed, or is too long.
    """
    if not 0 < len(password) <= LONGEST or any(not character.isprintable() for character in password):
        raise HashError(f"a password has 1 to {LONGEST} printable characters")
    salt = "".join(secrets.choice(_SALT) for _number in range(16))
    return _hashed(password, f"$6$rounds={rounds}${salt}$")


def matches(password: str, hashed: str, rounds: int) -> bool:
    """The hash is one of this password with so many rounds."""
    if not hashed.startswith(f"$6$rounds={rounds}$"):
        return False
    try:
        return hmac.compare_digest(_hashed(password, hashed), hashed)
    except HashError:
        return False


def digest(key: str) -> str:
    """By which a key is looked up. Whoever reads the digest cannot send the key, and comparing digests tells nothing of it."""
    return hashlib.sha256(key.encode()).hexdigest()


def require_key(key: str) -> None:
    """:raises HashError: the key can be guessed, or is nothing that a header carries as it is."""
    if len(key) < SHORTEST_KEY:
        raise HashError(f"a key has at least {SHORTEST_KEY} characters, so that it cannot be guessed: kind: token makes one")
    if any(not "!" <= character <= "~" for character in key):
        raise HashError("a key has printable ASCII characters without spaces, as a header carries them")
