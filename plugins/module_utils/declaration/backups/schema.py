# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of C(backups): what is kept, where, for how long, and what is promised."""

from __future__ import annotations

from ...schema import values
from ...schema.calendar import calendar
from ...schema.nodes import Flag, Items, Node, Number, Record, Table, Text
from . import values as backup_values

WAIVERS = ("no_escrow",)
TARGET_WAIVERS = ("plain_http",)


def _span(default: float | None, least: float, most: float, example: str) -> Text:
    return Text(default=default, numbers=True, check=values.lasting(least, most), example=example)


def _secret(example: str) -> Text:
    """The name of a secret. Hidden when it cannot be one: then it may be the secret itself."""
    return Text(default="", hidden=True, check=values.secret_name, example=example)


def _service(required: bool) -> Text:
    name = values.named(r"[A-Za-z0-9][A-Za-z0-9._-]*", "is not the name of a Compose service", "write the name that stands under services:")
    return Text(required=required, default="", check=name, example="cache")


_LINE = values.named(r"[^\x00-\x1f\x7f]{1,512}", "is not a pattern on one line", "write a pattern such as *.tmp")
_COMMANDS = Items(
    of=Items(of=Text(default="", numbers=True), default=[], example="[redis-cli, save]"), default=[], example="[[redis-cli, save]]"
)
_COUNTS: dict[str, Node] = {
    name: Number(default=default, most=most, example=str(default))
    for name, default, most in (("daily", 30, 3660), ("weekly", 8, 520), ("monthly", 12, 240), ("yearly", 0, 100))
}
RETENTION = Record(default=None, fields=_COUNTS, example="{daily: 30, weekly: 8, monthly: 12}")
TARGET = Record(
    hidden=True,
    fields={
        "name": Text(
            required=True,
            default="",
            check=values.named(
                r"[a-z][a-z0-9_-]{0,30}", "is not a name for a target", "write lower case letters, digits, _ and -, such as offsite"
            ),
            example="offsite",
        ),
        "repository": Text(required=True, hidden=True, check=backup_values.repository, example="s3:https://s3.example.com/bucket/latentum"),
        "environment": Table(
            of=_secret("s3_access_key"),
            name=backup_values.target_variable,
            default={},
            hidden=True,
            example="{AWS_ACCESS_KEY_ID: s3_access_key}",
        ),
        "append_only": Flag(default=False),
        "upload_limit": Number(default=0, example="2048"),
        "ssh_key_secret": _secret("backup_ssh_key"),
        "ca": Text(default="", hidden=True, check=backup_values.authority, example="\"{{ lookup('ansible.builtin.file', 'ca.pem') }}\""),
        "allow": Items(of=Text(default="", choices=TARGET_WAIVERS), default=[], example="[plain_http]"),
    },
    example="{name: offsite, repository: 's3:https://s3.example.com/bucket/latentum'}",
)
# Hidden throughout: the secret half of a key that stands in place of its public one is still one.
ESCROW = Record(
    hidden=True,
    default=None,
    fields={
        "recipients": Items(
            of=Text(default="", hidden=True, check=backup_values.recipient, example="age1…"), default=[], hidden=True, example="[age1…]"
        ),
        "vault": Flag(default=False, hidden=True),
    },
    example="{recipients: [age1…]}",
)
CACHE = Record(
    hidden=True,
    fields={"service": _service(required=True), "password_secret": _secret("cache_password")},
    example="{service: cache, password_secret: cache_password}",
)
VOLUME = Record(
    fields={
        "mode": Text(default="live", choices=("live", "paused", "skip")),
        "exclude": Items(of=Text(default="", check=_LINE, example="*.tmp"), default=[], example='["*.tmp"]'),
        "before": _COMMANDS,
        "after": _COMMANDS,
    },
    example="{mode: paused}",
)
CHECK = Record(
    fields={
        "database": Text(required=True, default="", example="latentumdb"),
        "service": _service(required=False),
        "query": Text(required=True, default="", check=backup_values.query, example="SELECT count(*) FROM users"),
        "at_least": Text(default=None, numbers=True, check=values.between(-1e15, 1e15, "1"), example="1"),
        "newest": _span(None, 1, 316224000, "26h"),
    },
    example="{database: latentumdb, query: SELECT count(*) FROM users, at_least: 1}",
)
BACKUPS = Record(
    hidden=True,
    default=None,
    fields={
        "schedule": Text(default="*-*-* 02:30", check=calendar, example="*-*-* 02:30"),
        "jitter": _span(900, 0, 86400, "15m"),
        "wal_every": _span(60, 0, 3600, "60s"),
        "verify": Text(default="always", choices=("always", "weekly")),
        "keep_bases": Number(default=2, least=1, most=30, example="2"),
        "retention": RETENTION,
        "rpo": _span(3600, 1, 31622400, "1h"),
        "rto": _span(14400, 1, 31622400, "4h"),
        "stale_after": _span(None, 60, 31622400, "26h"),
        "targets": Items(required=True, of=TARGET, default=[], hidden=True, example=f"[{TARGET.example}]"),
        "escrow": ESCROW,
        "caches": Items(of=CACHE, default=[], example=f"[{CACHE.example}]"),
        "volumes": Table(of=VOLUME, default={}, example=f"{{models-data: {VOLUME.example}}}"),
        "paths": Items(of=Text(default="", check=values.folder, example="/srv/files"), default=[], example="[/srv/files]"),
        "checks": Items(of=CHECK, default=[], example=f"[{CHECK.example}]"),
        "allow": Items(of=Text(default="", choices=WAIVERS), default=[], example="[no_escrow]"),
    },
    example=f"{{targets: [{TARGET.example}], escrow: {ESCROW.example}}}",
)
