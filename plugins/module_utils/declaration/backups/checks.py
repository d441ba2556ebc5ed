# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of backups that need no Compose file: where they go, who can read them, what is promised, what is asked of a restored one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...contracts.claims import overlap
from ...contracts.secret_kinds import NAME
from ...schema.nodes import Problem, close_to, instead, shown
from ..model import Declaration
from .model import WEEK, Backups, Target, backups_of, made_secrets, replication_secret

OWN_KINDS = ("provided", "token", "password")  # of a secret that is declared in place of one that backups would make
_KEYS = ("ed25519", "rsa", "provided", "template")
DOCKER = "/var/lib/docker"
STAGING = ("/var/lib/latentum-ops/backups", "/var/lib/barman")


def check_backups(declaration: Declaration, problems: list[Problem]) -> None:
    """Nothing is looked at when nothing is declared, or when it is not even a mapping."""
    backups = backups_of(declaration)
    if backups is None or any(problem.key == "backups" for problem in problems):
        return
    _check_promises(declaration, backups, problems)
    _check_targets(backups, problems)
    _check_folders(declaration, backups, problems)
    _check_escrow(backups, problems)
    _check_made(declaration, problems)
    for key, name in backups.secrets():
        _check_secret(declaration, key, name, problems)
    for index, check in enumerate(backups.checks):
        _check_question(declaration, check, f"backups.checks[{index}]", problems)


def reported(key: str, problems: list[Problem]) -> bool:
    """Whether the schema refused it already, and left it empty."""
    return any(problem.key.startswith(key) for problem in problems)


def _check_promises(declaration: Declaration, backups: Backups, problems: list[Problem]) -> None:
    if not any(backups.retention.values()) and not reported("backups.retention", problems):
        fix = "write for example {daily: 30, weekly: 8, monthly: 12}"
        problems.append(Problem("backups.retention", shown(backups.retention), "is zero throughout, so nothing would be kept", fix))
    if declaration.clusters and backups.wal_every > backups.rpo:
        what = f"is longer than rpo ({backups.rpo:g}s), which could then not be kept"
        fix = f"write at most {backups.rpo:g}s, or a longer rpo"
        problems.append(Problem("backups.wal_every", shown(backups.wal_every), what, fix))
    ages = (("backups.stale_after", backups.stale_after), ("watchdog.backup_max_age", declaration.watchdog.backup_max_age))
    for key, age in ages:
        if backups.verify == "weekly" and 0 < age < WEEK:
            what = "is shorter than a week, and only each week a backup is restored: there would be an alarm each week"
            problems.append(Problem(key, shown(age), what, "write more than 7d, such as 8d, or verify: always"))


def _check_targets(backups: Backups, problems: list[Problem]) -> None:
    if not backups.targets and not reported("backups.targets", problems):
        problems.append(Problem("backups.targets", "an empty list", "names no place, so there would be no backup", "add a target"))
    secrets: dict[str, Target] = {}
    places: dict[str, Target] = {}
    for target in backups.targets:
        first = secrets.setdefault(target.key_secret, target) if target.name else target
        if first is not target:
            same = first.name == target.name
            what = f"is the name of {first.key} already" if same else f"would share the key of {first.key} ({target.key_secret})"
            problems.append(Problem(f"{target.key}.name", shown(target.name), what, "give one of the two another name"))
        if target.repository is None:
            continue
        first = places.setdefault(target.repository.place, target)
        if first is not target:
            what = f"is the repository of {first.key} already, and a second copy in one place is none"
            problems.append(Problem(f"{target.key}.repository", shown(target.repository.text), what, "remove one of the two targets"))
        _check_connection(target, target.repository.kind, target.repository.plain, problems)


def _check_connection(target: Target, kind: str, plain: bool, problems: list[Problem]) -> None:
    """What belongs to other kinds of repositories, and what would be sent in the open."""
    if plain and "plain_http" not in target.allow:
        what = "sends the credentials of the server in the open: it has no TLS"
        fix = "write https://, with ca where the certificate is of a CA of your own; or waive it: allow: [plain_http] in this target"
        problems.append(Problem(f"{target.key}.repository", shown(target.repository.text if target.repository else ""), what, fix))
    for index, waiver in enumerate(target.allow):
        if waiver == "plain_http" and not plain:
            problems.append(Problem(f"{target.key}.allow[{index}]", shown(waiver), "waives what this target does not do", "remove it"))
    if target.ssh_key_secret and kind != "sftp":
        what = "is for repositories over SFTP; this one is not"
        problems.append(Problem(f"{target.key}.ssh_key_secret", shown(target.ssh_key_secret), what, "remove it"))
    if target.ca and (plain or kind not in ("s3", "rest")):
        what = "is for repositories over https://; this one is not"
        problems.append(Problem(f"{target.key}.ca", "", what, "remove it"))
    if target.environment and kind in ("folder", "sftp"):
        what = "is for repositories over https://, whose servers ask for credentials"
        fix = "remove it" if kind == "folder" else "remove it, and write ssh_key_secret: name_of_a_secret"
        problems.append(Problem(f"{target.key}.environment", shown(target.environment), what, fix))


def _check_folders(declaration: Declaration, backups: Backups, problems: list[Problem]) -> None:
    """A repository is not part of what is backed up, and each folder is backed up once."""
    folders = [(target.key, target.repository.folder) for target in backups.targets if target.repository and target.repository.folder]
    taken = [(DOCKER, "Docker's own folder"), *((place, "a folder of the backups themselves") for place in STAGING)]
    taken += [(declaration.directory, "the folder of the stack")] if declaration.name else []
    for index, (key, folder) in enumerate(folders):
        near = [f"{what} ({place})" for place, what in taken if overlap(folder, place)]
        near += [f"the repository of {target}" for target, place in folders[:index] if place != folder and overlap(folder, place)]
        if near:
            fix = "write a folder of its own, such as /srv/backup/latentum, on a disk of its own"
            problems.append(Problem(f"{key}.repository", shown(folder), f"overlaps {near[0]}", fix))
    fixes = {DOCKER: "name the volume under volumes", **dict.fromkeys(STAGING, "remove it: it is where backups are prepared")}
    for index, path in enumerate(backups.paths):
        key = f"backups.paths[{index}]"
        for place in fixes:
            if path and overlap(path, place):
                problems.append(Problem(key, shown(path), f"overlaps {place}", fixes[place]))
        for target, folder in folders:
            if path and overlap(path, folder):
                what = f"overlaps the repository of {target}: each backup would have all others in it"
                problems.append(Problem(key, shown(path), what, "keep the two apart"))
        for number, other in enumerate(backups.paths[:index]):
            if path and other and overlap(path, other):
                what = f"is backed up with backups.paths[{number}] ({other}) already"
                problems.append(Problem(key, shown(path), what, "remove the one that is inside the other"))


def _check_escrow(backups: Backups, problems: list[Problem]) -> None:
    waived = "no_escrow" in backups.allow
    if not backups.recipients and not backups.vault and not waived and not reported("backups.escrow", problems):
        what = "names nobody who gets the keys of the backups: they would die with the host, and with them every backup"
        fix = "write {recipients: [age1…]} with public keys whose secret halves are kept elsewhere, or vault: true; "
        problems.append(Problem("backups.escrow", "nothing", what, f"{fix}or waive it: backups.allow: [no_escrow]"))
    if waived and (backups.recipients or backups.vault):
        key = f"backups.allow[{backups.allow.index('no_escrow')}]"
        problems.append(Problem(key, shown("no_escrow"), "waives what is not so: escrow says who gets the keys", "remove it"))


def _check_made(declaration: Declaration, problems: list[Problem]) -> None:
    """The names of the secrets that backups make: one each, and a declared one of such a name can be what they need."""
    first: dict[str, str] = {}
    for database in declaration.databases:
        if not database.service:
            continue
        name = replication_secret(database.service)
        key = f"{database.key}.service"
        other = first.setdefault(name, database.service)
        if other != database.service:
            what = f"and {other} would share one secret of the backups ({name})"
            problems.append(Problem(key, shown(database.service), what, "give one of the two services another name"))
        elif not NAME.fullmatch(name):
            what = "is too long a name for backups, which make a secret of it"
            problems.append(Problem(key, shown(database.service), what, "give the service a name of at most 44 letters"))
    for name in made_secrets(declaration):
        own = declaration.secrets.get(name)
        if own and own.kind and own.kind not in OWN_KINDS:
            what = "cannot be what the backups need under this name"
            fix = "write kind: token, or provided with the value of before; or remove it: backups make it themselves"
            problems.append(Problem(f"secrets.{name}.kind", shown(own.kind), what, fix))


def _check_secret(declaration: Declaration, key: str, name: str, problems: list[Problem]) -> None:
    is_key = key.endswith(".ssh_key_secret")
    if name not in declaration.secrets:
        near = close_to(name, declaration.secrets)
        kind = "{kind: ed25519}" if is_key else "{kind: password}" if ".caches[" in key else "{kind: provided, value: …}"
        fix = f"did you mean {near}?" if near else f"add secrets: {{{name}: {kind}}}"
        problems.append(Problem(key, shown(name), "names a secret that is not declared", fix))
        return
    secret = declaration.secrets[name]
    if is_key and secret.kind and secret.kind not in _KEYS and secret.value is None:
        what = f"names a secret that is no private key ({secret.kind})"
        problems.append(Problem(key, shown(name), what, f"write secrets: {{{name}: {{kind: ed25519}}}}, or provided with a key of yours"))


def _check_question(declaration: Declaration, check: Mapping[str, Any], key: str, problems: list[Problem]) -> None:
    name, service = check["database"], check["service"]
    databases = [database for database in declaration.databases if database.name == name]
    if name and not databases:
        names = {database.name for database in declaration.databases if database.name}
        problems.append(Problem(f"{key}.database", shown(name), "is not the name of one of databases", instead(name, names, "database")))
    elif name and service and service not in [database.service for database in databases]:
        what = f"has no database {name}"
        problems.append(
            Problem(f"{key}.service", shown(service), what, instead(service, {database.service for database in databases}, "service"))
        )
    elif name and not service and len(databases) > 1:
        fix = f"add service: {' or '.join(sorted(database.service for database in databases))}"
        problems.append(Problem(f"{key}.service", "nothing", f"is needed: several services have a database {name}", fix))
    limits = ("at_least", "newest")
    given = [option for option in limits if check[option] is not None]
    if len(given) == 2:
        what = "stands beside at_least, and a query has one answer"
        problems.append(Problem(f"{key}.newest", shown(check["newest"]), what, "remove one of the two, or write two checks"))
    elif not given and not any(problem.key in (key, *(f"{key}.{option}" for option in limits)) for problem in problems):
        fix = "add at_least: 1 for a number, or newest: 26h for a time"
        problems.append(Problem(f"{key}.at_least", "nothing", "is required, or newest: every answer would be right", fix))
