# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables of C(secrets) and C(databases): what is made on the host, and who it belongs to."""

from __future__ import annotations

from ...contracts.nodes import duration, text
from ...contracts.secret_rotation import SecretRotation
from ...schema import values
from ...schema.nodes import Items, Node, Number, Record, Table, Text
from ..forms import service_name

_DATABASE_NAME = values.named(
    r"[A-Za-z_][A-Za-z0-9_-]{0,62}", "is not a database identifier", "write letters, digits and _, a letter first", "identifier"
)
_HTPASSWD_USER = values.named(
    r"[A-Za-z0-9._@-]{1,64}", "is not a user name for basic authentication", "write letters, digits, . _ @ -", "user name"
)
_TEMPLATE = '!unsafe "postgres://app:{{ database_password | urlencode }}@db/app"'

SECRET_KINDS: dict[str, dict[str, Node]] = {
    "password": {
        "length": Number(
            default=32, least=12, most=256, example="32", description="Letters, digits and C(-_.), nothing that a URL or a shell reads."
        )
    },
    "token": {
        "encoding": Text(default="urlsafe", choices=("urlsafe", "hex", "base64"), description="How the bytes become a string."),
        "bytes": Number(default=32, least=16, most=512, example="32", description="Random bytes."),
    },
    "uuid": {},
    "rsa": {
        "bits": Number(
            default=3072,
            least=2048,
            most=8192,
            example="3072",
            description="Of the private key, in PEM; the public one stands beside it in root's folder (C(<name>.pub)).",
        )
    },
    "ed25519": {},
    "fernet": {},
    "htpasswd": {
        "user": Text(
            required=True,
            check=_HTPASSWD_USER,
            example="admin",
            description="Of a line for basic authentication; its password stands beside it in root's folder (C(<name>.password)).",
        )
    },
    "bcrypt": {
        "of": Text(required=True, check=values.secret_name, example="admin_password", description="The secret of which a hash is made.")
    },
    "template": {
        "template": Text(
            hidden=True,
            required=True,
            example=_TEMPLATE,
            description="A string with other secrets in it, in double braces, with C(| urlencode) or C(| b64encode);"
            " C(| login) names the role of PostgreSQL that a password is of now.",
        )
    },
    "provided": {
        "value": Text(hidden=True, required=True, example='"{{ vault_api_key }}"', description="A value from outside, from a vault.")
    },
}
_USER = values.named(r"[A-Za-z0-9._-]{1,64}", "is not a user of Redis", "write letters, digits, . _ -, such as default", "user name")
ROTATION = Record(
    description="How it is replaced by another value without a lost request (L(guide,../guides/rotation.md)).",
    fields={
        "kind": text(SecretRotation, "kind", "postgresql"),
        "every": duration(SecretRotation, "every", "90d"),
        "grace": duration(SecretRotation, "grace", "24h"),
    },
    selector="kind",
    variants={
        "postgresql": {},
        "redis": {
            "service": Text(
                required=True, default="", check=service_name, example="cache", description="The Redis server, which checks the password."
            ),
            "user": Text(
                default="default", check=_USER, example="default", description="Whose password it is, in the server's access lists."
            ),
        },
        "overlap": {
            "separator": text(SecretRotation, "separator", "line"),
        },
        "file": {},
    },
    example="{kind: postgresql, every: 90d}",
)
SECRET = Record(
    hidden=True,
    default={},
    description="A secret, and how it comes to be.",
    fields={
        "kind": Text(required=True, choices=tuple(SECRET_KINDS), example="password", description="How it comes to be."),
        "value": Text(hidden=True, description="Adopts this value instead of making one, from Ansible Vault or another lookup."),
        "environment": Table(
            of=Text(check=values.variable_name, default="", example="API_KEY"),
            default={},
            example="{api: API_KEY}",
            description="Also put into the environment of these services, as service and variable.",
        ),
        "rotation": ROTATION,
    },
    selector="kind",
    variants=SECRET_KINDS,
    example="{kind: password}",
)
SECRETS = Table(
    of=SECRET,
    name=values.secret_name,
    default={},
    hidden=True,
    example="{database_password: {kind: password}}",
    description="Secrets and how they come to be. One is made once on the host, kept there, and readable by exactly those who use it.",
)
DATABASE = Record(
    description="A database in a service.",
    fields={
        "service": Text(
            required=True,
            default="",
            check=service_name,
            example="database",
            description="The service that is the database server. One replica.",
        ),
        "engine": Text(default="postgresql", choices=("postgresql",), description="What it is."),
        "name": Text(required=True, default="", check=_DATABASE_NAME, example="latentumdb", description="The name of the database."),
        "user": Text(required=True, default="", check=_DATABASE_NAME, example="latentum", description="Its owner."),
        "password_secret": Text(
            required=True,
            default="",
            check=values.secret_name,
            example="database_password",
            description="The owner's password. The service must get this secret, itself or inside another.",
        ),
    },
    example="{service: database, engine: postgresql, name: app, user: app, password_secret: database_password}",
)
DATABASES = Items(of=DATABASE, default=[], example=DATABASE.example, description="Databases among the services.")
