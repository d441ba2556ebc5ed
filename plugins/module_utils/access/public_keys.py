# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenSSH's public keys as they stand in an authorized_keys file.

Source: sshd(8), "AUTHORIZED_KEYS FILE FORMAT"; RFC 4253, 6.6; RFC 5656, 3.1; RFC 8709, 4.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

ED25519_BYTES = 32
RSA_LEAST = 3072  # bits; role ssh_hardening sets RequiredRSASize to it
CURVES = {"ecdsa-sha2-nistp256": 65, "ecdsa-sha2-nistp384": 97, "ecdsa-sha2-nistp521": 133}  # bytes of an uncompressed point
KINDS = ("ssh-ed25519", "ssh-rsa", *CURVES, "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com")
FORM = "write the whole line of a file such as ~/.ssh/id_ed25519.pub (`ssh-keygen -l -f` shows what it is)"
# Options before the key: names, some with a quoted value, separated by commas.
_OPTION = r"""[A-Za-z0-9-]+(?:="(?:[^"\\]|\\.)*")?"""
_OPTIONS = re.compile(rf"{_OPTION}(?:,{_OPTION})*\s+")


class NoKey(ValueError):
    """A line that is no public key; the message says why."""


@dataclass(frozen=True)
class PublicKey:
    """One public key."""

    kind: str
    blob: bytes
    comment: str = ""

    @property
    def encoded(self) -> str:
        """As it stands behind its kind."""
        return base64.b64encode(self.blob).decode()

    @property
    def fingerprint(self) -> str:
        """``SHA256:…``, as sshd logs it and ssh-keygen shows it."""
        return "SHA256:" + base64.b64encode(hashlib.sha256(self.blob).digest()).decode().rstrip("=")


def parse(line: str) -> PublicKey:
    """The key of a line, options before it left out.

    :raises NoKey: sshd would pass over this line.
    """
    if "PRIVATE KEY" in line:
        raise NoKey("is a private key, which belongs to nobody but its owner")
    words = _without_options(line.strip()).split(None, 2)
    if len(words) < 2:
        raise NoKey("has no key behind its kind")
    kind, encoded = words[0], words[1]
    if "\u2026" in encoded or "..." in encoded:
        raise NoKey("is the placeholder of the documentation, not a key")
    try:
        blob = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise NoKey("has a key that is no Base64: a part of it is missing, or something was added") from None
    _require_whole(kind, blob)
    return PublicKey(kind, blob, words[2] if len(words) > 2 else "")


def _without_options(line: str) -> str:
    """The line from the kind of the key on."""
    if line.split(None, 1)[0:1] and line.split(None, 1)[0] in KINDS:
        return line
    options = _OPTIONS.match(line)
    rest = line[options.end() :] if options else ""
    if rest.split(None, 1)[0:1] and rest.split(None, 1)[0] in KINDS:
        return rest
    raise NoKey(f"does not begin with a kind of key that sshd takes ({', '.join(KINDS)})")


def _require_whole(kind: str, blob: bytes) -> None:
    """The key is complete, and of the kind that is written before it."""
    fields = _fields(blob)
    if not fields or fields[0] != kind.encode():
        raise NoKey(f"says {kind}, and its key is of another kind, or damaged")
    if kind in ("ssh-ed25519", "sk-ssh-ed25519@openssh.com"):
        whole = len(fields) >= 2 and len(fields[1]) == ED25519_BYTES
    elif kind == "ssh-rsa":
        whole = len(fields) == 3 and bool(fields[2])
        if whole and int.from_bytes(fields[2], "big").bit_length() < RSA_LEAST:
            bits = int.from_bytes(fields[2], "big").bit_length()
            raise NoKey(f"is an RSA key of {bits} bits, and fewer than {RSA_LEAST} are not accepted: make one by `ssh-keygen -t ed25519`")
    else:
        curve = kind.removeprefix("sk-").removesuffix("@openssh.com")
        whole = len(fields) >= 3 and len(fields[2]) == CURVES[curve]
    if not whole:
        raise NoKey("has a key that is cut off, or damaged")


def _fields(blob: bytes) -> list[bytes]:
    """The strings of the wire format, each after its length in four bytes; none where they do not fill the blob."""
    fields, rest = [], blob
    while rest:
        length = int.from_bytes(rest[:4], "big")
        if len(rest) < 4 + length:
            return []
        fields.append(rest[4 : 4 + length])
        rest = rest[4 + length :]
    return fields
