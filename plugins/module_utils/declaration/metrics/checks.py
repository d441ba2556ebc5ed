# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of what is measured by exporters: who is asked can be asked, by somebody who may no more than that."""

from __future__ import annotations

from collections.abc import Iterator

from ...contracts.database_exporters import KINDS, PGBOUNCER, POSTGRESQL, REDIS
from ...schema.nodes import Problem, instead, shown
from ..model import Declaration
from ..watchdog.checks import check_secret
from .measured import Measured, measured
from .schema import MOST_KEYS, MOST_QUERIES


def check_metrics(declaration: Declaration, problems: list[Problem]) -> None:
    """All services with C(metrics)."""
    names: dict[str, str] = {}
    ports: dict[int, str] = {}
    for item in measured(declaration):
        if any(problem.key.startswith(item.key) for problem in problems):
            continue
        problems.extend(_kind(declaration, item))
        if not item.kind:
            continue
        problems.extend(_options(item))
        problems.extend(_user(declaration, item))
        problems.extend(_queries(item))
        problems.extend(_keys(item))
        if item.written.password_secret and item.written.password_secret not in declaration.made_secrets():
            check_secret(f"{item.key}.password_secret", item.password_secret, declaration.secrets, problems)
        if ports.setdefault(item.exporter_port, item.key) != item.key:
            what = f"is where the exporter of {ports[item.exporter_port]} answers already"
            problems.append(
                Problem(f"{item.key}.exporter_port", shown(item.exporter_port), what, f"write another, such as {_free(ports, item)}")
            )
        for metric in item.written.queries or {}:
            if names.setdefault(metric, item.key) != item.key:
                what = f"is a metric of {names[metric]} already"
                problems.append(Problem(f"{item.key}.queries.{metric}", "", what, "give one of the two another name"))


def _free(ports: dict[int, str], item: Measured) -> int:
    return next(port for port in range(item.exporter_port + 1, item.exporter_port + 1000) if port not in ports)


def _kind(declaration: Declaration, item: Measured) -> Iterator[Problem]:
    service = declaration.compose.services[item.service]
    if not item.kind:
        what = f"is needed: {item.service} is none of databases, so nobody knows what it is"
        yield Problem(f"{item.key}.kind", "nothing", what, f"write one of {', '.join(KINDS)}; other services are not measured by exporters")
    elif item.databases and item.kind != POSTGRESQL:
        yield Problem(f"{item.key}.kind", shown(item.kind), "contradicts databases, where it is postgresql", "remove kind")
    if not declaration.stays(service):
        yield Problem(item.key, shown({"": ""}), "is for services that stay up; this one does not", f"remove metrics from {item.service}")
    elif service.network_mode:
        what = f"needs an address, and a service with network_mode {service.network_mode} has none of its own"
        yield Problem(item.key, shown({"": ""}), what, f"remove network_mode: from {item.service}, or metrics")
    elif declaration.replicas(service) > 1:
        what = "is for a service with one container: an exporter has one server"
        yield Problem(item.key, shown({"": ""}), what, f"write replicas: 1 for {item.service}, or a service for each server")


def _options(item: Measured) -> Iterator[Problem]:
    """What belongs to another kind."""
    written = item.written
    for name, given, kinds in (
        ("queries", written.queries, (POSTGRESQL,)),
        ("database", written.database, (POSTGRESQL,)),
        ("keys", written.keys, (REDIS,)),
        ("tls", written.tls, (POSTGRESQL, PGBOUNCER)),
    ):
        if given and item.kind not in kinds:
            yield Problem(
                f"{item.key}.{name}", shown(given), f"is not for {item.kind}", f"remove it: {name} belongs to {' and '.join(kinds)}"
            )


def _user(declaration: Declaration, item: Measured) -> Iterator[Problem]:
    """Somebody who may look, and neither the owner of the data nor, as with the images of PostgreSQL, the superuser."""
    written = item.written
    if item.made:
        return
    key = f"{item.key}.user"
    owners = sorted({database.user for database in item.databases if database.user} | ({"postgres"} if item.kind == POSTGRESQL else set()))
    if item.kind == POSTGRESQL and written.user in owners:
        what = "owns the data, and is a superuser where the image made it: an exporter needs neither"
        fix = "remove user: the host makes a role of its own with pg_monitor; or write one that you have made"
        yield Problem(key, shown(written.user), what, fix)
    if item.kind != REDIS and not item.user:
        fix = "write one of stats_users" if item.kind == PGBOUNCER else "write a role with pg_monitor, or declare the server in databases"
        yield Problem(key, "nothing", f"is needed for {item.kind}", fix)
    if item.user and not item.password_secret:
        yield Problem(f"{item.key}.password_secret", "nothing", "is needed with user", "write the secret that has its password")


def _queries(item: Measured) -> Iterator[Problem]:
    written, key = item.written, f"{item.key}.queries"
    queries = written.queries or {}
    if len(queries) > MOST_QUERIES:
        yield Problem(key, f"{len(queries)} queries", f"are more than {MOST_QUERIES}", "keep those that people and alerts ask for")
    known = [database.name for database in item.databases]
    if queries and len(known) > 1 and not written.database:
        what = f"is needed: {item.service} has {', '.join(known)}, and queries are asked in one of them"
        yield Problem(f"{item.key}.database", "nothing", what, f"write database: {known[0]}")
    if written.database and known and written.database not in (*known, "postgres"):
        yield Problem(
            f"{item.key}.database", shown(written.database), "is not one of databases", instead(written.database, known, "database")
        )
    for name, query in queries.items():
        labels = query["labels"]
        for index, label in enumerate(labels):
            if label and label in labels[:index]:
                yield Problem(f"{key}.{name}.labels[{index}]", shown(label), "stands in it twice", "remove one of the two")
        if len(labels) > 3:
            what = "are more than three, and each combination of values is a series"
            yield Problem(f"{key}.{name}.labels", f"{len(labels)} labels", what, "group by fewer columns")
        if "value" in labels:
            yield Problem(f"{key}.{name}.labels", shown("value"), "is what the number itself is called", "give the label another name")


def _keys(item: Measured) -> Iterator[Problem]:
    if len(item.written.keys) > MOST_KEYS:
        what = f"are more than {MOST_KEYS}, and each is asked at each scrape"
        yield Problem(f"{item.key}.keys", f"{len(item.written.keys)} keys", what, "keep those that people and alerts ask for")
    first: dict[tuple[int, str, str], str] = {}
    for index, key in enumerate(item.written.keys):
        place = f"{item.key}.keys[{index}]"
        if first.setdefault((key["db"], key["key"], key["measure"]), place) != place:
            yield Problem(f"{place}.key", shown(key["key"]), "stands in it twice", "remove one of the two")
