# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of C(ops_stack): every key, its type, its default, an example for the message when it is wrong."""

from __future__ import annotations

from ..schema import values
from ..schema.nodes import Anything, Flag, Items, Node, Number, Record, Scalar, Table, Text
from .backups.schema import BACKUPS
from .updates.schema import STACK_UPDATE, UPDATE
from .watchdog.schema import WATCH, WATCHDOG

WAIVERS = (
    "docker_socket",
    "host_network",
    "latest_tag",
    "no_healthcheck",
    "plain_secret",
    "privileged",
    "publish_all",
    "shared_volume",
)

_SERVICE = values.named(r"[A-Za-z0-9][A-Za-z0-9._-]*", "is not the name of a Compose service", "write the name that stands under services:")
_STACK_NAME = values.named(
    r"[a-z][a-z0-9-]{0,30}",
    "is not a stack name",
    "write lower case letters, digits and -, a letter first, at most 31, such as latentum",
)
_DATABASE_NAME = values.named(
    r"[A-Za-z_][A-Za-z0-9_-]{0,62}", "is not a database identifier", "write letters, digits and _, a letter first"
)
_HTPASSWD_USER = values.named(r"[A-Za-z0-9._@-]{1,64}", "is not a user name for basic authentication", "write letters, digits, . _ @ -")

_NETWORKS = Items(of=Text(check=values.network, example="203.0.113.0/24"), default=[], example="[203.0.113.0/24]")

ROUTE = Record(
    fields={
        "domain": Text(required=True, default="", check=values.domain, example="app.example.com"),
        "aliases": Items(of=Text(default="", check=values.domain, example="www.example.com"), default=[]),
        "path": Text(default="/", check=values.path, example="/api"),
        "service": Text(required=True, default="", check=_SERVICE, example="web"),
        "port": Number(required=True, default=0, least=1, most=65535, example="8080"),
        "websocket": Flag(default=False),
        "body_limit": Text(default="1m", numbers=True, check=values.body_limit, example="10m"),
        "timeout": Text(default=60, numbers=True, check=values.lasting(1, 86400, whole=True), example="60s"),
        "rate_limit": Record(
            fields={
                "requests": Number(required=True, default=0, least=1, most=100000, example="20"),
                "per": Text(default="second", choices=("second", "minute")),
                "burst": Number(default=None, least=0, most=100000, example="40"),
            },
            example="{requests: 20, per: second, burst: 40}",
        ),
        "balance": Text(default="least_conn", choices=("least_conn", "round_robin", "ip_hash")),
        "headers": Table(of=Text(check=values.header_value), name=values.header_name, default={}, example="{X-Frame-Options: DENY}"),
        "allow_from": _NETWORKS,
        "strip_prefix": Flag(default=False),
        "buffering": Flag(default=True),
    },
    example="{domain: app.example.com, service: web, port: 8080}",
)

SERVICE = Record(
    default={},
    fields={
        "replicas": Number(least=0, most=100, example="2"),
        "expect": Text(choices=("healthy", "running", "completed")),
        "user_id": Number(most=2**32 - 2, example="10001"),
        "group_id": Number(most=2**32 - 2, example="10001"),
        "probe": Record(
            fields={
                "path": Text(default="/", check=values.path, example="/health"),
                "port": Number(required=True, default=0, least=1, most=65535, example="8080"),
                "status": Number(default=200, least=100, most=599, example="200"),
                "timeout": Text(default=5.0, numbers=True, check=values.probe_timeout, example="5s"),
            },
            example="{path: /health, port: 8080}",
        ),
        "update": UPDATE,
        "watch": WATCH,
        "allow": Items(of=Text(choices=WAIVERS, default=""), default=[], example="[publish_all]"),
    },
)

_SECRET_COMMON: dict[str, Node] = {
    "kind": Text(
        required=True,
        choices=("password", "token", "uuid", "rsa", "ed25519", "fernet", "htpasswd", "bcrypt", "template", "provided"),
        example="password",
    ),
    "value": Text(hidden=True),
    "environment": Table(of=Text(check=values.variable_name, default="", example="API_KEY"), default={}, example="{api: API_KEY}"),
}
SECRET_KINDS: dict[str, dict[str, Node]] = {
    "password": {"length": Number(default=32, least=12, most=256, example="32")},
    "token": {
        "encoding": Text(default="urlsafe", choices=("urlsafe", "hex", "base64")),
        "bytes": Number(default=32, least=16, most=512, example="32"),
    },
    "uuid": {},
    "rsa": {"bits": Number(default=3072, least=2048, most=8192, example="3072")},
    "ed25519": {},
    "fernet": {},
    "htpasswd": {"user": Text(required=True, check=_HTPASSWD_USER, example="admin")},
    "bcrypt": {"of": Text(required=True, check=values.secret_name, example="admin_password")},
    "template": {
        "template": Text(hidden=True, required=True, example='!unsafe "postgres://app:{{ database_password | urlencode }}@db/app"')
    },
    "provided": {"value": Text(hidden=True, required=True, example='"{{ vault_api_key }}"')},
}
SECRET = Record(
    hidden=True,
    default={},
    fields=_SECRET_COMMON,
    selector="kind",
    variants=SECRET_KINDS,
    example="{kind: password}",
)

DATABASE = Record(
    fields={
        "service": Text(required=True, default="", check=_SERVICE, example="database"),
        "engine": Text(default="postgresql", choices=("postgresql",)),
        "name": Text(required=True, default="", check=_DATABASE_NAME, example="latentumdb"),
        "user": Text(required=True, default="", check=_DATABASE_NAME, example="latentum"),
        "password_secret": Text(required=True, default="", check=values.secret_name, example="database_password"),
    },
    example="{service: database, engine: postgresql, name: app, user: app, password_secret: database_password}",
)

OPENING = Record(
    fields={
        "port": Number(required=True, default=0, least=1, most=65535, example="9443"),
        "protocol": Text(default="tcp", choices=("tcp", "udp")),
        "from": _NETWORKS,
        "comment": Text(
            default="",
            check=values.named(
                r"[^\x00-\x1f\x7f'\"]{1,60}",
                "is not a comment for a firewall rule",
                "write at most 60 letters without quotes",
            ),
        ),
    },
    example="{port: 9443, protocol: tcp, from: [203.0.113.0/24], comment: metrics}",
)

STACK = Record(
    fields={
        "name": Text(required=True, default="", check=_STACK_NAME, example="latentum"),
        "compose": Anything(
            required=True, example="\"{{ lookup('ansible.builtin.template', inventory_dir ~ '/group_vars/all/compose.yml.j2') }}\""
        ),
        "directory": Text(check=values.folder, example="/opt/latentum"),
        "contact": Text(check=values.email, example="ops@example.com"),
        "environment": Table(of=Scalar(default=""), name=values.variable_name, default={}, example="{LOG_LEVEL: info}"),
        "routes": Items(of=ROUTE, default=[], example="[{domain: app.example.com, service: web, port: 8080}]"),
        "update": STACK_UPDATE,
        "watchdog": WATCHDOG,
        "backups": BACKUPS,
        "services": Table(of=SERVICE, default={}, example="{web: {replicas: 2}}"),
        "secrets": Table(of=SECRET, name=values.secret_name, default={}, hidden=True, example="{database_password: {kind: password}}"),
        "databases": Items(of=DATABASE, default=[], example=DATABASE.example),
        "firewall": Items(of=OPENING, default=[], example=OPENING.example),
    },
    example="{name: latentum, compose: …}",
)
