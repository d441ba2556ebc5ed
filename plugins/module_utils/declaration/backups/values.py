# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The values in C(backups) that have a form of their own: repositories, recipients of the escrow, calendar expressions, queries.

Each function returns what is kept, or raises Refused with what to write instead. No message repeats a value: what stands in the wrong
place may be a secret.
"""

from __future__ import annotations

import base64
import binascii
import re
import ssl
from dataclasses import dataclass

from ...schema.nodes import Refused
from ...schema.values import folder, form

_PLACES = (
    "write a folder such as /srv/backup/latentum, sftp:user@host:/path, s3:https://host/bucket/path or rest:https://host/path; "
    "credentials go to environment"
)
_CREDENTIALS = "write the address without them, and environment: {%s: name_of_a_secret}"
_HOST = re.compile(r"(?P<host>\[[0-9a-fA-F:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)(?::(?P<port>[0-9]{1,5}))?")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_FOLDER = re.compile(r"[A-Za-z0-9/._+=@,-][A-Za-z0-9/._+=@,~:-]*")
_VARIABLES = {"s3": "AWS_ACCESS_KEY_ID", "rest": "RESTIC_REST_USERNAME"}
_PORTS = {"http": "80", "https": "443"}
# What the engine itself gives to restic, and what would change which program is run.
_OWN_VARIABLES = re.compile(r"RESTIC_(?:REPOSITORY|PASSWORD|FROM_|CACHE_DIR)\w*|PATH|HOME|LD_\w+")


@dataclass(frozen=True)
class Repository:
    """Where a target is. C(place) is the same for every way to write one place; C(folder) only of a folder of the host."""

    text: str
    kind: str  # folder, sftp, s3, rest
    place: str
    folder: str = ""
    plain: bool = False  # without TLS


@form("address")
def repository(value: str) -> Repository:
    """A repository as restic names it (restic manual, "Preparing a new repository"); the kinds that are supported here."""
    text = value.strip()
    kind = text.partition(":")[0]
    if text.startswith("/"):
        path = folder(text)
        return Repository(path, "folder", f"folder {path}", path)
    if kind == "sftp":
        return _sftp(text)
    if kind in ("s3", "rest"):
        return _web(text, kind)
    raise Refused("is not a place that backups can be sent to", _PLACES)


def _web(text: str, kind: str) -> Repository:
    scheme, sign, rest = text.partition(":")[2].partition("://")
    example = "s3:https://host/bucket/path" if kind == "s3" else "rest:https://host/path"
    if not sign or scheme not in _PORTS:
        raise Refused(f"has no https:// after {kind}:", f"write {example}")
    server, _slash, path = rest.partition("/")
    if "@" in server:
        raise Refused("has credentials in it, which would stand in files and process lists", _CREDENTIALS % _VARIABLES[kind])
    host, port = _server(server, example)
    path = _plain(path, example)
    if kind == "s3" and not path:
        raise Refused("names no bucket", f"write {example}")
    return Repository(text, kind, f"{kind} {host}:{port or _PORTS[scheme]}/{path}", plain=scheme == "http")


def _sftp(text: str) -> Repository:
    """C(sftp:user@host:path) or C(sftp://user@host:port/path); in the latter an absolute path begins with a second slash."""
    example = "sftp:user@host:/path, or with a port sftp://user@host:2222//path"
    rest = text.removeprefix("sftp:")
    if re.match(r"(?://)?[^/@]*:[^/]*@", rest):
        raise Refused("has a password in it, which sftp never reads", "write the address without it, and ssh_key_secret: name_of_a_secret")
    if rest.startswith("//"):
        server, sign, path = rest[2:].partition("/")
    else:
        server, sign, path = rest.partition(":")
    user, at, server = server.rpartition("@")
    if not sign or not path or path.startswith("~") or (at and not _USER.fullmatch(user)):
        raise Refused("is not a folder of an SFTP server", f"write {example}")
    host, port = _server(server, example)
    clean = _plain(path, example)
    # A path without a slash at its beginning is one of the user's own folder.
    place = f"/{clean}" if path.startswith("/") else f"~{user}/{clean}"
    return Repository(text, "sftp", f"sftp {host}:{port or '22'}{place}")


def _server(text: str, example: str) -> tuple[str, str]:
    match = _HOST.fullmatch(text)
    if match is None or (match["port"] and not 1 <= int(match["port"]) <= 65535):
        raise Refused("does not name a server", f"write {example}")
    return match["host"].lower(), match["port"] or ""


def _plain(path: str, example: str) -> str:
    """A path without empty parts."""
    if path and (not _FOLDER.fullmatch(path) or {"..", "."} & set(path.split("/"))):
        raise Refused("has a path with signs that cannot stand there", f"write letters, digits, . _ - and /, such as {example}")
    return "/".join(part for part in path.split("/") if part)


@form("variable")
def target_variable(value: str) -> str:
    """The name of an environment variable that a repository's server may need."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value):
        raise Refused("is not the name of an environment variable", "write its name, such as AWS_ACCESS_KEY_ID")
    if _OWN_VARIABLES.fullmatch(value):
        raise Refused("is set by the backup itself", "remove it: the key is made and kept by itself, and repository names the place")
    return value


@form("public key")
def recipient(value: str) -> str:
    """A public key that age encrypts to: C(age1…) of X25519 (its specification, C2SP.org/age), or of SSH."""
    text = value.strip()
    if "AGE-SECRET-KEY-" in text.upper() or "PRIVATE KEY" in text.upper():
        what = "is a secret key: whoever reads this inventory could read every backup"
        raise Refused(what, "write its public half (age-keygen -y shows it), make a new pair, and treat this one as lost")
    fix = "write a public key: age1… as age-keygen shows it, or a line ssh-ed25519 AAAA… or ssh-rsa AAAA…"
    if text.startswith("age1"):
        if not _is_age(text):
            raise Refused("is not a public key of age: it is cut off, mistyped, or of a plugin", fix)
        return text
    if "\n" in text or not _is_ssh(text):
        raise Refused("is not a public key that age can encrypt to", fix)
    return text


def _is_age(text: str) -> bool:
    """Bech32 (BIP 173) of 32 bytes, with its checksum: a letter that is mistyped would lock everybody out."""
    letters = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
    data = [letters.find(letter) for letter in text.removeprefix("age1")]
    if len(data) != 58 or min(data) < 0:
        return False
    check = 1
    for number in [*(ord(letter) >> 5 for letter in "age"), 0, *(ord(letter) & 31 for letter in "age"), *data]:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ number
        for bit, part in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            check ^= part if top >> bit & 1 else 0
    return check == 1


def _is_ssh(text: str) -> bool:
    """A line of C(authorized_keys) without options (RFC 4253, 6.6); of RSA at least 2048 bits, as age wants them."""
    kind, encoded = [*text.split(None, 2), "", ""][:2]
    try:
        blob = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return False
    parts = []
    while len(blob) >= 4:
        end = 4 + int.from_bytes(blob[:4], "big")
        if end > len(blob):
            return False
        parts.append(blob[4:end])
        blob = blob[end:]
    if blob or not parts or parts[0] != kind.encode():
        return False
    if kind == "ssh-ed25519":
        return len(parts) == 2 and len(parts[1]) == 32
    return kind == "ssh-rsa" and len(parts) == 3 and int.from_bytes(parts[2], "big").bit_length() >= 2048


@form("certificate")
def authority(value: str) -> str:
    """One or more certificates in PEM; a line break at the end."""
    fix = "write the certificate of the CA in PEM, from -----BEGIN CERTIFICATE----- on, by a lookup of its file"
    if "PRIVATE KEY" in value:
        raise Refused("has a private key in it", f"{fix}; treat the key as lost")
    try:
        if "-----BEGIN CERTIFICATE-----" not in value:
            raise ValueError("no certificate")
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=value)
    except (ssl.SSLError, ValueError, TypeError):  # TypeError: letters outside ASCII
        raise Refused("is not a certificate in PEM", fix) from None
    return value.strip() + "\n"


@form("query")
def query(value: str) -> str:
    """One statement that reads. What it may do is decided where it runs: on a copy that is thrown away."""
    text = value.strip().rstrip(";").rstrip()
    if not re.match(r"(?:select|with)\b", text, re.IGNORECASE):
        raise Refused("is not a query", "write one statement that begins with SELECT or WITH, such as SELECT count(*) FROM users")
    if ";" in re.sub(r"'(?:[^']|'')*'|\"[^\"]*\"", "", text):
        raise Refused("has more than one statement", "write one of them, and the other as a check of its own")
    return text
