# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A secret store with one secret of each kind and way, and what a container prints that gives one away."""

from __future__ import annotations

import base64
import json
import re
import shlex
from collections.abc import Callable, Iterable
from html import escape, unescape
from pathlib import Path
from unittest import mock
from urllib.parse import quote, quote_plus

import bcrypt
from ansible_collections.latentum.ops.plugins.module_utils.secretstore.store import Store

# Each kind twice: one is given as a file, one by the environment. Nobody but the master has the third, of `REST`.
KINDS: dict[str, dict[str, object]] = {
    "password": {"kind": "password"},
    "token": {"kind": "token"},
    "hex": {"kind": "token", "encoding": "hex"},
    "uuid": {"kind": "uuid"},
    "fernet": {"kind": "fernet"},
    "rsa": {"kind": "rsa", "bits": 2048},
    "ed25519": {"kind": "ed25519"},
    "htpasswd": {"kind": "htpasswd", "user": "admin"},
    "bcrypt": {"kind": "bcrypt", "of": "password_file"},
    "template": {"kind": "template", "template": "postgresql://shop:{{ password_file | urlencode }}@database:5432/shop"},
    "spaces": {"kind": "provided", "value": "a 'word'  of \"many\" words\\ $and \u00fcmlauts & 100%"},
    "lines": {"kind": "provided", "value": 'first line of the secret\nsecond "line" of it, and $more\n\nthe last line, 4711/0815\n'},
    "document": {"kind": "provided", "value": json.dumps({"client": "4711-0815-abcdef", "private": "x" * 9 + "Y" * 50}, indent=2)},
    "short": {"kind": "provided", "value": "pin-42"},
    "word": {"kind": "provided", "value": "changeme"},
}
WAYS = ("file", "environment", "master")
STACK = "shop"


def fill(root: Path) -> Store:
    """All of them, made as production makes them."""
    store = Store(STACK, root)
    store.folder.mkdir(parents=True)
    entries = []
    for kind, options in KINDS.items():
        for way in WAYS:
            entry: dict[str, object] = {"name": f"{kind}_{way}", **options}
            if "value" in options:
                entry["value"] = str(options["value"]).replace("4711", f"4711{way}").replace("many", way)
            if way == "file":
                entry["consumers"] = [{"service": "web", "uid": 0, "gid": 0}]
            elif way == "environment":
                entry["environment"] = [{"service": "web", "variable": kind.upper()}]
            entries.append(entry)
    salt = bcrypt.gensalt
    with mock.patch.object(bcrypt, "gensalt", lambda _rounds: salt(4)):  # as quick as it can be: nobody guesses here
        store.ensure(entries)
    return store


def _wrapped(value: str) -> str:
    return base64.encodebytes(value.encode()).decode()


# How a program may print a value.
FORMS: dict[str, Callable[[str], str]] = {
    "as it is": lambda value: value,
    "base64": lambda value: base64.b64encode(value.encode()).decode(),
    "base64 for URLs": lambda value: base64.urlsafe_b64encode(value.encode()).decode(),
    "base64 in lines": _wrapped,
    "Basic, one before": lambda value: base64.b64encode(f"a:{value}".encode()).decode(),
    "Basic, two before": lambda value: base64.b64encode(f"ab:{value}".encode()).decode(),
    "Basic, three before": lambda value: base64.b64encode(f"abc:{value}:after".encode()).decode(),
    "quoted for a URL": lambda value: quote(value, safe=""),
    "quoted for a path": lambda value: quote(value).lower() if re.fullmatch("[a-z0-9/%-]*", quote(value)) else quote(value),
    "in JSON": json.dumps,
    "in plain JSON": lambda value: json.dumps(value, ensure_ascii=False),
    "in Python": repr,
    "in a Compose file": lambda value: value.replace("$", "$$"),
    "on one line": lambda value: " ".join(value.split()),
    "without its ends of lines": lambda value: "".join(line.strip() for line in value.splitlines()),
    "in PHP's JSON": lambda value: json.dumps(value).replace("/", "\\/"),
    "in Go's JSON": lambda value: re.sub("[<>&]", lambda match: f"\\u00{ord(match[0]):02x}", json.dumps(value, ensure_ascii=False)),
    "in JSON in JSON": lambda value: json.dumps({"message": json.dumps({"said": value})}),
    "in HTML": escape,
    "in Go's HTML": lambda value: escape(value).replace("&quot;", "&#34;").replace("&#x27;", "&#39;"),
    "quoted for a shell": shlex.quote,
    "as set -x shows it": lambda value: "'" + value.replace("'", "'\\''") + "'",
    "in double quotes": lambda value: '"' + re.sub(r'([\\"$`])', r"\\\1", value) + '"',
    "escaped for a shell": lambda value: re.sub(r"([^\w@%+=:,./~-])", r"\\\1", value),
    "in SQL": lambda value: "'" + value.replace("'", "''") + "'",
    "for libpq": lambda value: "password='" + re.sub(r"(['\\])", r"\\\1", value) + "'",
    "by encodeURIComponent": lambda value: quote(value, safe="!'()*"),
    "of a user in Go's URL": lambda value: f"https://user:{quote(value, safe='$&+,;=')}@host/",
    "in a form": quote_plus,
}


def printed(value: str, form: str) -> list[str]:
    """Lines of a log that hold a value in a form, in the middle of other words."""
    return f"connect 10.0.0.1 with {FORMS[form](value)} failed".splitlines()


def pieces(value: str, form: str) -> list[str]:
    """Parts of a printed value that must not be read anywhere; those with the neighbours in them, and less than 12 characters, are none."""
    core = FORMS[form](value)
    if form.startswith("Basic"):
        user = len(base64.b64decode(core).partition(b":")[0]) + 1
        core = core[-(-user * 8 // 6) : (user + len(value.encode())) * 8 // 6]
    found = [piece.strip() for piece in core.splitlines()]
    found = [piece for piece in found if len(piece) >= 12 and not piece.startswith("-----")]
    return found or [core.strip()]


def found(shown: str, secrets: Iterable[str]) -> list[str]:
    """Those that are in it: as they are, or as JSON, HTML or quoted-printable writes them."""
    texts = (shown, unescape(re.sub(r"=\n", "", shown)))
    return [secret for secret in secrets if any(secret in text or json.dumps(secret)[1:-1] in text for text in texts)]
