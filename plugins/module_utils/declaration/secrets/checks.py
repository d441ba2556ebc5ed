# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of what is produced and consumed: variables, secrets, database passwords."""

from __future__ import annotations

from ...compose.plain_secrets import looks_secret, way_out
from ...contracts.secret_kinds import FILTERS, LOGIN, REFERENCE
from ...schema.nodes import HIDDEN, Problem, close_to, shown
from ..hardening_checks import IN_PLAIN_TEXT, plain_variables
from ..model import Declaration
from .model import Secret

_OWN_VARIABLES = ("COMPOSE_", "DOCKER_")  # read by docker compose itself


def check_environment(declaration: Declaration, problems: list[Problem]) -> None:
    """Each variable is used: by C(${NAME}), by a bare name in C(environment), or by C(env_file: .env)."""
    services = declaration.compose.services.values()
    _check_plain_variables(declaration, problems)
    if any(declaration.takes_environment(service) for service in services):
        return
    bare = {name for service in services for name, value in service.environment.items() if value is None}
    used = {*declaration.compose.variables, *bare}
    for name in declaration.environment:
        if name not in used and not name.startswith(_OWN_VARIABLES):
            near = close_to(name.lower(), {variable.lower() for variable in used - set(declaration.environment)})
            fix = f"did you mean {near.upper()}?" if near else f"remove it, or use ${{{name}}} in the Compose file"
            problems.append(Problem(f"environment.{name}", HIDDEN, "is used nowhere in the Compose file", fix))


def _check_plain_variables(declaration: Declaration, problems: list[Problem]) -> None:
    """A secret in C(ops_stack.environment) passes when each service that it reaches waives it, and nothing else uses it."""
    services = declaration.compose.services.values()
    reached = {service.name: plain_variables(declaration, service) for service in services}
    for name, value in declaration.environment.items():
        if not looks_secret(name, value):
            continue
        users = [service for service, names in reached.items() if name in names]
        open_users = [service for service in users if IN_PLAIN_TEXT not in declaration.options(service).allow]
        if users and not open_users:
            continue
        keys = declaration.compose.variables.get(name) or [f"compose.services.{users[0]}.environment.{name}" if users else ""]
        waive = "; or waive it: " + ", ".join(f"services.{service}.allow: [{IN_PLAIN_TEXT}]" for service in open_users)
        fix = f"{way_out(keys[0], name)} (kind: provided for a value from a vault){waive if open_users else ''}"
        problems.append(Problem(f"environment.{name}", HIDDEN, "looks like a secret in plain text", fix))


def check_secrets(declaration: Declaration, problems: list[Problem]) -> None:
    _check_compose_side(declaration, problems)
    _check_variables(declaration, problems)
    used = _used(declaration)
    for secret in declaration.secrets.values():
        _check_references(declaration, secret, problems)
        if secret.name not in used:
            undeclared = {use.source for service in declaration.compose.services.values() for use in service.secrets}
            near = close_to(secret.name, undeclared - set(declaration.secrets))
            places = declaration.compose.variables.get(secret.name.upper())
            fix = f"remove it, or add {secret.name} to secrets: of the service in the Compose file that needs it"
            fix = f"the Compose file asks for {near}: use one name in both places" if near else fix
            fix = way_out(places[0], secret.name.upper()) if places else fix
            problems.append(Problem(f"secrets.{secret.name}", "", "is made but nobody uses it", fix))
    _check_circles(declaration, problems)
    _check_readers(declaration, problems)


def _used(declaration: Declaration) -> set[str]:
    used = {use.source for service in declaration.compose.services.values() for use in service.secrets}
    used |= declaration.compose.profiles.secrets
    used |= {secret.name for secret in declaration.secrets.values() if secret.environment}
    used |= {database.password_secret for database in declaration.databases}
    used |= {name for _key, name in declaration.read_secrets()} | set(declaration.made_secrets())
    return used | {name for secret in declaration.secrets.values() for name in secret.references}


def _check_compose_side(declaration: Declaration, problems: list[Problem]) -> None:
    for service in declaration.compose.services.values():
        for index, use in enumerate(service.secrets):
            if use.source in declaration.secrets or use.source in declaration.compose.own_secrets:
                continue
            near = close_to(use.source, declaration.secrets)
            fix = f"add secrets: {{{use.source}: {{kind: password}}}} to ops_stack, or give it file: in the Compose file"
            fix = f"did you mean {near}? Else {fix}" if near else fix
            what = f"is a secret that {service.name} needs and nobody makes"
            problems.append(Problem(f"compose.services.{service.name}.secrets[{index}]", shown(use.source), what, fix))


def _check_variables(declaration: Declaration, problems: list[Problem]) -> None:
    services = declaration.compose.services
    seen: dict[tuple[str, str], str] = {}
    for secret in declaration.secrets.values():
        for name, variable in secret.environment.items():
            key = f"secrets.{secret.name}.environment.{name}"
            if lacking := declaration.compose.lacking(name, "names"):
                problems.append(Problem(key, shown(name), *lacking))
                continue
            if variable in services[name].environment:
                what = f"is set by the Compose file too, which would win (compose.services.{name}.environment)"
                fix = f"remove {variable} from environment: of {name} in the Compose file"
                problems.append(Problem(key, shown(variable), what, fix))
            other = seen.setdefault((name, variable), secret.name)
            if other != secret.name:
                what = f"is filled by the secret {other} already"
                problems.append(Problem(key, shown(variable), what, "give one of the two another variable"))


def _check_references(declaration: Declaration, secret: Secret, problems: list[Problem]) -> None:
    option = "template" if secret.kind == "template" else "of"
    for name in secret.references:
        if name not in declaration.secrets:
            what = f"refers to the secret {name}, which is not declared"
            near = close_to(name, declaration.secrets)
            fix = f"did you mean {near}?" if near else f"add secrets: {{{name}: {{kind: password}}}}, or correct the name"
            problems.append(Problem(f"secrets.{secret.name}.{option}", name, what, fix))
    template = secret.options.get("template") or ""
    if secret.kind == "template" and (unread := _unread(template)):
        fix = f"write {{{{ secret }}}} or {{{{ secret | urlencode }}}}: names of secrets, filters {', '.join(sorted((*FILTERS, LOGIN)))}"
        problems.append(Problem(f"secrets.{secret.name}.template", HIDDEN, unread, fix))
    elif secret.kind == "template" and template and not secret.references:
        what = "refers to no other secret, so it is a plain text in the inventory"
        fix = 'write !unsafe "…{{ database_password }}…", or kind: provided with a value from a vault'
        problems.append(Problem(f"secrets.{secret.name}.template", HIDDEN, what, fix))


def _unread(template: str) -> str:
    """What the secret store could not read in a template; empty when it can read it all."""
    unknown = [match[2] for match in REFERENCE.finditer(template) if match[2] and match[2] not in (*FILTERS, LOGIN)]
    if unknown:
        return f"uses the filter {unknown[0]}, which templates of secrets do not have"
    rest = REFERENCE.sub("", template)
    return "has braces that cannot be read" if any(mark in rest for mark in ("{{", "{%")) else ""


def _check_circles(declaration: Declaration, problems: list[Problem]) -> None:
    """Each circle is reported once, at the first of its secrets."""
    reported: set[str] = set()
    for start in declaration.secrets:
        trail = _circle(declaration, start)
        if trail and not reported & set(trail):
            reported |= set(trail)
            option = "template" if declaration.secrets[start].kind == "template" else "of"
            what, fix = "is made of itself", "let one of these secrets stand on its own"
            problems.append(Problem(f"secrets.{start}.{option}", " -> ".join([*trail, start]), what, fix))


def _circle(declaration: Declaration, start: str) -> list[str]:
    """The way from a secret through its references back to it; empty when there is none."""
    ways = [[start]]
    visited: set[str] = set()
    while ways:
        way = ways.pop()
        for name in declaration.secrets[way[-1]].references:
            if name == start:
                return way
            if name in declaration.secrets and name not in visited:
                visited.add(name)
                ways.append([*way, name])
    return []


def _check_readers(declaration: Declaration, problems: list[Problem]) -> None:
    """The file of a secret belongs to one number: the user of the container must be known as one."""
    for service in declaration.compose.services.values():
        options = declaration.options(service.name)
        if service.user is not None:
            user, group = service.user
            for name, declared, written in (("user_id", options.user_id, user), ("group_id", options.group_id, group)):
                if declared is not None and written is not None and declared != written:
                    what = f"differs from user: in the Compose file ({written})"
                    problems.append(Problem(f"services.{service.name}.{name}", shown(declared), what, "remove it"))
        reads = any(use.source in declaration.secrets for use in service.secrets)
        if reads and service.user_name and options.user_id is None:
            what = f"is needed: {service.name} reads secrets as {service.user_name}, whose number only its image knows"
            fix = f"add services: {{{service.name}: {{user_id: 10001}}}} with the number of that user"
            problems.append(Problem(f"services.{service.name}.user_id", "nothing", what, fix))


def check_databases(declaration: Declaration, problems: list[Problem]) -> None:
    services = declaration.compose.services
    seen: dict[tuple[str, str], str] = {}
    for database in declaration.databases:
        other = seen.setdefault((database.service, database.name), database.key)
        if other != database.key and database.name:
            what = f"is the same database as {other}"
            problems.append(Problem(f"{database.key}.name", shown(database.name), what, "remove one of the two"))
        if database.service and (lacking := declaration.compose.lacking(database.service, "names")):
            problems.append(Problem(f"{database.key}.service", shown(database.service), *lacking))
        name = database.password_secret
        if not name:
            continue
        key = f"{database.key}.password_secret"
        if name not in declaration.secrets:
            near = close_to(name, declaration.secrets)
            fix = f"did you mean {near}?" if near else f"add secrets: {{{name}: {{kind: password}}}}"
            problems.append(Problem(key, shown(name), "names a secret that is not declared", fix))
        elif database.service in services and not _reaches(declaration, name, database.service):
            what = f"never reaches the service {database.service}, so the database cannot know this password"
            fix = f"add {name} to secrets: of {database.service} in the Compose file"
            problems.append(Problem(key, shown(name), what, fix))


def _reaches(declaration: Declaration, name: str, service: str) -> bool:
    """Whether the service gets the secret, itself or as a part of another secret."""
    if any(consumer.name == service for consumer in declaration.consumers(name)):
        return True
    if service in declaration.secrets[name].environment:
        return True
    made_of_it = [secret for secret in declaration.secrets.values() if name in secret.references]
    return any(
        service in secret.environment or any(consumer.name == service for consumer in declaration.consumers(secret.name))
        for secret in made_of_it
    )
