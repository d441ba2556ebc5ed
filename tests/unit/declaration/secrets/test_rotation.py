# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rotation as it is declared: what reaches a host, and what is refused with what to write."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.declaration.loader import load, read
from ansible_collections.latentum.ops.plugins.module_utils.declaration.services.derive import secret_entries

from ..samples import REMOVED, changed

URL = "postgres://{{ database_password | login }}:{{ database_password | urlencode }}@database:5432/app"
POSTGRESQL = {"kind": "postgresql", "every": "90d", "grace": "12h"}
Changes = list[tuple[str, Any]]
ROTATING: Changes = [("secrets.database_password.rotation", POSTGRESQL), ("secrets.database_url.template", URL)]
CACHE: Changes = [
    ("compose.services.cache", {"image": "redis:8", "secrets": ["cache_password"], "healthcheck": {"test": "redis-cli ping"}}),
    ("compose.services.worker.secrets", ["cache_password"]),
    ("secrets.cache_password", {"kind": "password", "rotation": {"kind": "redis", "service": "cache"}}),
]


def entries(*changes: tuple[str, Any]) -> dict[str, dict[str, Any]]:
    return {entry["name"]: entry for entry in secret_entries(load(changed(*copy.deepcopy(changes))))}


def test_a_role_of_postgresql_is_that_of_its_database() -> None:
    assert entries(*ROTATING)["database_password"]["rotation"] == {
        "kind": "postgresql",
        "service": "database",
        "user": "app",
        "database": "app",
        "admin": "app",
        "port": 5432,
        "every": 90 * 86400,
        "grace": 12 * 3600,
        "separator": "line",
    }


def test_defaults_and_other_kinds() -> None:
    found = entries(*CACHE, ("secrets.api_key.rotation", {"kind": "overlap", "separator": "comma"}))
    assert found["api_key"]["rotation"]["grace"] == 86400 and found["api_key"]["rotation"]["every"] == 0
    assert found["cache_password"]["rotation"]["user"] == "default" and "rotation" not in found["database_password"]


def test_several_databases_of_one_role() -> None:
    more = {"service": "database", "engine": "postgresql", "name": "more", "user": "app", "password_secret": "database_password"}
    assert entries(*ROTATING, ("databases[1]", more))["database_password"]["rotation"]["database"] == "app"


LONG = "a" * 62
OTHER = {"service": "database", "engine": "postgresql", "name": "other", "user": "other", "password_secret": "database_password"}
SAME_ROLE = {"service": "database", "engine": "postgresql", "name": "other", "user": "app", "password_secret": "other_password"}
REFUSED: dict[str, tuple[Changes, str, str]] = {
    "unknown kind": (
        [("secrets.api_key.rotation", {"kind": "postgres"})],
        "secrets.api_key.rotation.kind",
        "write postgresql",
    ),
    "no kind": ([("secrets.api_key.rotation", {"every": "90d"})], "secrets.api_key.rotation.kind", "add kind: postgresql"),
    "a word": ([("secrets.api_key.rotation", "monthly")], "secrets.api_key.rotation", "{kind: postgresql, every: 90d}"),
    "not a duration": (
        [("secrets.api_key.rotation", {"kind": "file", "every": "monthly"})],
        "secrets.api_key.rotation.every",
        "write a number with its unit",
    ),
    "option of another kind": (
        [("secrets.api_key.rotation", {"kind": "file", "service": "worker"})],
        "secrets.api_key.rotation.service",
        "service belongs to kind redis",
    ),
    "grace longer than every": (
        [("secrets.api_key.rotation", {"kind": "file", "every": "1d", "grace": "2d"})],
        "secrets.api_key.rotation.grace",
        "write a shorter one",
    ),
    "of a template": (
        [*ROTATING, ("secrets.database_url.rotation", {"kind": "file"})],
        "secrets.database_url.rotation",
        "write rotation: there: database_password",
    ),
    "of a password line": (
        [("secrets.line", {"kind": "htpasswd", "user": "admin", "environment": {"worker": "LINE"}, "rotation": {"kind": "overlap"}})],
        "secrets.line.rotation",
        "give the route keys",
    ),
    "the user is written out": (
        [ROTATING[0]],
        "secrets.database_url.template",
        "write {{ database_password | login }} in place of app",
    ),
    "read without its role": (
        [*ROTATING, ("compose.services.worker.secrets", ["database_password"])],
        "compose.services.worker.secrets",
        "write a template that names the role too, such as postgres://{{ database_password | login }}",
    ),
    "a variable without its role": (
        [*ROTATING, ("secrets.database_password.environment", {"worker": "PGPASSWORD"})],
        "secrets.database_password.environment.worker",
        "write a template that names the role too",
    ),
    "a role that does not change": (
        [ROTATING[1]],
        "secrets.database_url.template",
        "write app itself, or give database_password rotation: {kind: postgresql}",
    ),
    "no database has it": (
        [("secrets.api_key.rotation", {"kind": "postgresql"})],
        "secrets.api_key.rotation.kind",
        "write password_secret: api_key at the entry of databases:",
    ),
    "of two roles": (
        [*ROTATING, ("databases[1]", OTHER)],
        "secrets.database_password.rotation.kind",
        "give each of them a secret of its own",
    ),
    "another password of its role": (
        [
            *ROTATING,
            ("databases[1]", SAME_ROLE),
            ("secrets.other_password", {"kind": "password"}),
            ("compose.services.database.secrets", ["database_password", "other_password"]),
        ],
        "databases[1].password_secret",
        "write database_password, or give it another user",
    ),
    "a long name": (
        [*ROTATING, ("databases[0].user", LONG)],
        "databases[0].user",
        "at most 61 characters",
    ),
    "file of a database": (
        [("secrets.database_password.rotation", {"kind": "file"})],
        "secrets.database_password.rotation.kind",
        "write kind: postgresql",
    ),
    "redis without its server": (
        [*CACHE, ("secrets.cache_password.rotation", {"kind": "redis"})],
        "secrets.cache_password.rotation.service",
        "add service: cache",
    ),
    "redis at no service": (
        [*CACHE, ("secrets.cache_password.rotation", {"kind": "redis", "service": "cash"})],
        "secrets.cache_password.rotation.service",
        "did you mean cache?",
    ),
    "redis that never gets it": (
        [*CACHE, ("secrets.cache_password.rotation", {"kind": "redis", "service": "worker"}), ("compose.services.worker.secrets", REMOVED)],
        "secrets.cache_password.rotation.service",
        "add cache_password to secrets: of worker",
    ),
    "redis by its environment": (
        [*CACHE, ("secrets.cache_password.environment", {"cache": "REDIS_PASSWORD"})],
        "secrets.cache_password.rotation.service",
        "let cache read the file of cache_password when it starts",
    ),
    "two lines in a variable": (
        [("secrets.api_key.rotation", {"kind": "overlap"})],
        "secrets.api_key.rotation.separator",
        "write separator: comma",
    ),
    "an overlap in a template": (
        [
            ("secrets.api_key.rotation", {"kind": "overlap", "separator": "comma"}),
            ("secrets.header", {"kind": "template", "template": "Bearer {{ api_key }}", "environment": {"worker": "HEADER"}}),
        ],
        "secrets.api_key.rotation.kind",
        "write kind: file, or let its readers read it by itself",
    ),
    "what somebody else checks": (
        [
            ("secrets.smtp", {"kind": "password", "rotation": {"kind": "file"}}),
            (
                "watchdog",
                {
                    "alerts": [
                        {"name": "m", "kind": "email", "server": "s.example.com", "from": "a@b.de", "to": ["c@d.de"], "user": "a"}
                        | {"password_secret": "smtp"}
                    ]
                },
            ),
        ],
        "secrets.smtp.rotation.kind",
        "remove rotation",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_it_is_refused_with_what_to_write(case: str) -> None:
    changes, key, fix = REFUSED[case]
    found = {problem.key: problem.fix for problem in read(changed(*copy.deepcopy(changes)))[1]}
    assert fix in found.get(key, ""), found
    assert len(found) <= 2, found
