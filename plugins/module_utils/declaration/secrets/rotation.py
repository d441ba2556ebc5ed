# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rotation of secrets: what can be replaced by another value while everybody goes on, and what is to be written for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...contracts.secret_kinds import logins
from ...contracts.secret_rotation import FILE, OVERLAP, POSTGRESQL, REDIS, ROLE_LENGTH, SecretRotation
from ...schema.nodes import HIDDEN, Problem, shown
from ..model import Declaration
from .model import Database, Rotation, Secret

# Made of others: they follow.
_DERIVED = {"template": "template", "bcrypt": "of"}


def rotation_of(declaration: Declaration, secret: Secret) -> SecretRotation | None:
    """For the host: with what C(databases) says of a role; None of a secret that does not rotate."""
    written = secret.rotation
    if written is None:
        return None
    given: dict[str, Any] = {name: getattr(written, name) for name in ("kind", "service", "user", "every", "grace", "separator")}
    if written.kind == POSTGRESQL:
        databases = _databases(declaration, secret.name)
        if not databases:
            return None
        first = databases[0]
        metrics = declaration.options(first.service).metrics
        # As for its backups: the first one that is declared was made with the server.
        admin = next(database.user for database in declaration.databases if database.service == first.service)
        given |= {"service": first.service, "user": first.user, "database": first.name, "admin": admin}
        given["port"] = metrics.port if metrics and metrics.port else None
    return SecretRotation.from_dict(given, f"secrets.{secret.name}.rotation")


def check_rotations(declaration: Declaration, problems: list[Problem]) -> None:
    """All of them, and templates that name a role of none."""
    for secret in declaration.secrets.values():
        for name in dict.fromkeys(logins(secret.options.get("template") or "")):
            problems.extend(_check_login(declaration, secret, name))
        if secret.rotation:
            problems.extend(_check(declaration, secret, secret.rotation))


def _check(declaration: Declaration, secret: Secret, rotation: Rotation) -> Iterator[Problem]:
    key = f"secrets.{secret.name}.rotation"
    if secret.kind in _DERIVED:
        made_of = ", ".join(secret.references) or "others"
        fix = f"remove it, and write rotation: there: {made_of}"
        yield Problem(key, shown(rotation.kind), "is of a secret that is made of others, which follows when they are replaced", fix)
        return
    if secret.kind == "htpasswd":
        fix = "give the route keys (auth: {keys: …}), or change the line by hand and let its user know"
        yield Problem(key, shown(rotation.kind), "is of a line of passwords, which has one password for each name", fix)
        return
    if rotation.every and rotation.grace > rotation.every:
        what = "is longer than every, so the value before would outlive its successor"
        yield Problem(f"{key}.grace", shown(f"{rotation.grace:g} s"), what, "write a shorter one, such as 24h")
    checks = {POSTGRESQL: _check_postgresql, REDIS: _check_redis, OVERLAP: _check_overlap, FILE: _check_file}
    yield from checks[rotation.kind](declaration, secret, key)


def _check_postgresql(declaration: Declaration, secret: Secret, key: str) -> Iterator[Problem]:
    databases = _databases(declaration, secret.name)
    if not databases:
        fix = f"write password_secret: {secret.name} at the entry of databases: whose owner has this password, or another kind"
        yield Problem(f"{key}.kind", shown(POSTGRESQL), "is for the password of a role, and no database has this one", fix)
        return
    roles = sorted({(database.service, database.user) for database in databases})
    if len(roles) > 1:
        what = f"is of one role, and this password is that of {' and '.join(f'{user} of {service}' for service, user in roles)}"
        yield Problem(f"{key}.kind", shown(POSTGRESQL), what, "give each of them a secret of its own")
        return
    service, user = roles[0]
    if len(user) + 2 > ROLE_LENGTH:
        what = f"leaves no room for the two names that log in for it ({user[:10]}…_a)"
        yield Problem(f"{databases[0].key}.user", shown(user), what, f"write a name of at most {ROLE_LENGTH - 2} characters")
    for other in declaration.databases:
        if (other.service, other.user) == (service, user) and other.password_secret != secret.name:
            what = f"would be shut out when {secret.name} is replaced: {user} loses its own password then"
            yield Problem(
                f"{other.key}.password_secret", shown(other.password_secret), what, f"write {secret.name}, or give it another user"
            )
    for reader, name in _readers(declaration, secret.name):
        if reader != service and name == secret.name:
            where = f"compose.services.{reader}.secrets" if reader not in secret.environment else f"secrets.{name}.environment.{reader}"
            fix = "write a template that names the role too, such as postgres://{{ NAME | login }}:{{ NAME | urlencode }}@…".replace(
                "NAME", name
            )
            yield Problem(where, shown(name), f"is read by {reader} without the role that logs in with it, which changes each time", fix)
    for template in declaration.secrets.values():
        if (
            secret.name in template.references
            and template.kind == "template"
            and secret.name not in logins(template.options["template"] or "")
        ):
            fix = f"write {{{{ {secret.name} | login }}}} in place of {user}"
            what = f"holds {secret.name} and not the role that logs in with it, which changes each time"
            yield Problem(f"secrets.{template.name}.template", HIDDEN, what, fix)
    for where, name in declaration.read_secrets():
        if name == secret.name:
            fix = "give it a role and a secret of its own"
            yield Problem(where, shown(name), f"is the password of {user}, whose login changes each time", fix)


def _check_redis(declaration: Declaration, secret: Secret, key: str) -> Iterator[Problem]:
    server = secret.rotation.service if secret.rotation else ""
    if not server:
        return
    if lacking := declaration.compose.lacking(server, "names"):
        yield Problem(f"{key}.service", shown(server), *lacking)
        return
    if any(reader == server for reader in _in_environment(declaration, secret.name)):
        what = f"reaches {server} by its environment, which a container keeps: one that starts again would know the old value only"
        yield Problem(f"{key}.service", shown(server), what, f"let {server} read the file of {secret.name} when it starts")
    elif not any(reader == server for reader, _name in _readers(declaration, secret.name)):
        what = f"never gets {secret.name}, so it would start again without the new value"
        yield Problem(f"{key}.service", shown(server), what, f"add {secret.name} to secrets: of {server} in the Compose file")


def _check_overlap(declaration: Declaration, secret: Secret, key: str) -> Iterator[Problem]:
    for other in declaration.secrets.values():
        if secret.name in other.references:
            fix = "write kind: file, or let its readers read it by itself"
            yield Problem(f"{key}.kind", shown(OVERLAP), f"puts two values into one file, and {other.name} is made of this one", fix)
    if secret.environment and secret.rotation and secret.rotation.separator == "line":
        names = ", ".join(sorted(secret.environment))
        fix = "write separator: comma, or let it be read from its file"
        yield Problem(f"{key}.separator", shown("line"), f"stands between two values, and a variable ({names}) has one line", fix)
    yield from _check_outside(declaration, secret, key)


def _check_file(declaration: Declaration, secret: Secret, key: str) -> Iterator[Problem]:
    for database in declaration.databases:
        if database.password_secret == secret.name:
            what = f"replaces it without telling the server of {database.key}, which would refuse it"
            yield Problem(f"{key}.kind", shown(FILE), what, "write kind: postgresql")
    yield from _check_outside(declaration, secret, key)


def _check_outside(declaration: Declaration, secret: Secret, key: str) -> Iterator[Problem]:
    """What the host itself reads has one value, and who checks it there is told of none."""
    for where, name in declaration.read_secrets():
        if name == secret.name and secret.value is None:
            what = f"is made here, and {where} gives it to somebody who would have to know the next one"
            yield Problem(f"{key}.kind", shown(secret.rotation.kind if secret.rotation else ""), what, "remove rotation")


def _check_login(declaration: Declaration, secret: Secret, name: str) -> Iterator[Problem]:
    source = declaration.secrets.get(name)
    if source is None or (source.rotation and source.rotation.kind == POSTGRESQL):
        return
    databases = _databases(declaration, name)
    user = databases[0].user if databases else "the role"
    fix = f"write {user} itself, or give {name} rotation: {{kind: postgresql}}"
    yield Problem(f"secrets.{secret.name}.template", HIDDEN, f"asks which role {name} is of, and that one does not change", fix)


def _databases(declaration: Declaration, secret: str) -> list[Database]:
    return [database for database in declaration.databases if database.password_secret == secret and database.service]


def _readers(declaration: Declaration, name: str) -> Iterator[tuple[str, str]]:
    """Services that get a secret, or one that is made of it, each with the one that it gets."""
    for secret in declaration.secrets.values():
        if secret.name == name or _holds(declaration, secret, name):
            yield from ((consumer.name, secret.name) for consumer in declaration.consumers(secret.name))
            yield from ((service, secret.name) for service in secret.environment)


def _in_environment(declaration: Declaration, name: str) -> Iterator[str]:
    for secret in declaration.secrets.values():
        if secret.name == name or _holds(declaration, secret, name):
            yield from secret.environment


def _holds(declaration: Declaration, secret: Secret, name: str, above: tuple[str, ...] = ()) -> bool:
    """A secret is made of another one, directly or not; circles are reported elsewhere."""
    return any(
        source == name or _holds(declaration, declaration.secrets[source], name, (*above, secret.name))
        for source in secret.references
        if source in declaration.secrets and source not in above
    )
