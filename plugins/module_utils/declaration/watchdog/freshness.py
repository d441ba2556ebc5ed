# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Freshness of data, as the watchdog and a job declare it: what contradicts itself, and what the host is told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ...contracts.freshness import KINDS, Freshness
from ...schema.nodes import Problem, instead, shown
from ..model import Declaration
from ..secrets.model import Database


def check_freshness(declaration: Declaration, key: str, item: Mapping[str, Any], problems: list[Problem]) -> None:
    """What is asked is there, and one thing is.

    :param key: where it stands.
    :param item: as the schema read it.
    """
    asked = [kind for kind in KINDS if item.get(kind)]
    if any(problem.key.startswith(key) for problem in problems):
        return
    if len(asked) != 1:
        what = "says nowhere where the age is read" if not asked else f"has {' and '.join(asked)}, and one age is read in one place"
        fix = f"add one of {', '.join(KINDS)}" if not asked else "write each of them under a name of its own in watchdog.freshness"
        problems.append(Problem(key, "", what, fix))
        return
    kind, source = asked[0], item[asked[0]]
    if kind == "query":
        problems.extend(_database_problems(declaration, f"{key}.query", source))
        return
    if kind != "file":
        problems.extend(_target_problems(f"{key}.{kind}", source))
    if source["service"]:
        problems.extend(_service_problems(declaration, f"{key}.{kind}.service", source["service"], needs_address=kind != "file"))


def _database_problems(declaration: Declaration, key: str, source: Mapping[str, Any]) -> Iterator[Problem]:
    fitting = databases(declaration, source)
    if not fitting:
        known = [database.name for database in declaration.databases]
        yield Problem(
            f"{key}.database", shown(source["database"]), "is not one of databases", instead(source["database"], known, "database")
        )
    elif len({database.service for database in fitting}) > 1:
        servers = ", ".join(database.service for database in fitting)
        yield Problem(
            f"{key}.service", "nothing", f"is needed: {servers} have a database of this name", f"write service: {fitting[0].service}"
        )


def databases(declaration: Declaration, source: Mapping[str, Any]) -> list[Database]:
    """Those that a query may mean."""
    return [
        database
        for database in declaration.databases
        if database.name == source["database"] and source["service"] in ("", database.service) and database.engine == "postgresql"
    ]


def _target_problems(key: str, source: Mapping[str, Any]) -> Iterator[Problem]:
    if bool(source["address"]) == bool(source["service"]):
        what = "is needed, or service with port" if not source["service"] else "stands beside service, and one of the two is asked"
        fix = "add service: serving and port: 8080" if not source["service"] else "remove one of the two"
        yield Problem(f"{key}.address", shown(source["address"] or None), what, fix)
    elif source["service"] and not source["port"]:
        yield Problem(f"{key}.port", "nothing", "is required with service", "add port: 8080, the port inside the container")
    elif source["address"] and source["port"]:
        yield Problem(
            f"{key}.port", shown(source["port"]), "is for service; an address has its own", "write it into the address, or remove it"
        )


def _service_problems(declaration: Declaration, key: str, name: str, *, needs_address: bool) -> Iterator[Problem]:
    if lacking := declaration.compose.lacking(name, "names"):
        yield Problem(key, shown(name), *lacking)
        return
    service = declaration.compose.services[name]
    if not declaration.stays(service):
        yield Problem(key, shown(name), "does not run all the time, so nothing could be read there", "name a service that stays up")
    elif needs_address and service.network_mode:
        what = f"has no address of its own (network_mode {service.network_mode})"
        yield Problem(key, shown(name), what, "write address:, or name a service that has networks")


def freshness(declaration: Declaration, name: str, item: Mapping[str, Any]) -> Freshness:
    """The hand-over of a faultless entry."""
    kind = next(kind for kind in KINDS if item.get(kind))
    source = dict(item[kind])
    if kind == "query":
        database = databases(declaration, source)[0]
        source |= {"service": database.service, "user": database.user}
    timing = {field: item[field] for field in ("newest", "interval", "timeout", "severity")}
    return Freshness(name=name, kind=kind, **timing, **source)
