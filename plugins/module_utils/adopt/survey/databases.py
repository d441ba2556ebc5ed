# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Databases that run on the host itself, outside of containers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..host import Process, SurveyedHost
from .listeners import Listener

PROGRAMS = {
    "postgres": "postgresql", "mysqld": "mysql", "mariadbd": "mariadb", "redis-server": "redis", "valkey-server": "valkey",
    "mongod": "mongodb", "memcached": "memcached", "clickhouse-serv": "clickhouse", "etcd": "etcd", "rabbitmq-server": "rabbitmq",
}  # fmt: skip
_FOLDER = {
    "postgresql": r"^\s*data_directory\s*=\s*'?([^'#\n]+)", "mysql": r"^\s*datadir\s*=\s*(\S+)", "mariadb": r"^\s*datadir\s*=\s*(\S+)",
    "redis": r"^\s*dir\s+(\S+)", "valkey": r"^\s*dir\s+(\S+)", "mongodb": r"^\s*dbPath:\s*(\S+)",
}  # fmt: skip
CONFIGS = {
    "mysql": "/etc/mysql/mysql.conf.d/mysqld.cnf",
    "mariadb": "/etc/mysql/mariadb.conf.d/50-server.cnf",
    "mongodb": "/etc/mongod.conf",
}
USUAL = {"mysql": "/var/lib/mysql", "mariadb": "/var/lib/mysql", "redis": "/var/lib/redis", "valkey": "/var/lib/valkey"}


@dataclass(frozen=True)
class Database:
    """A server.

    :param addresses: where it listens; those of loopback too.
    :param data: its folder; empty where that is not known.
    """

    kind: str
    unit: str
    port: int = 0
    addresses: tuple[str, ...] = ()
    data: str = ""
    config: str = ""


def databases(host: SurveyedHost, listening: Sequence[Listener]) -> list[Database]:
    """Those that run, and clusters of PostgreSQL that are only configured."""
    servers = [_database(host, process, listening) for process in host.processes if _serves(process)]
    running = {database.config for database in servers}
    return [*servers, *(cluster for cluster in _clusters(host) if cluster.config not in running)]


def _serves(process: Process) -> bool:
    """The process that was started, not one that it has made for a client."""
    return not process.container and process.program in PROGRAMS and not (process.argv and re.match(r"postgres: ", process.argv[0]))


def _database(host: SurveyedHost, process: Process, listening: Sequence[Listener]) -> Database:
    kind = PROGRAMS[process.program]
    config = _config(kind, process.argv)
    text = host.read(config) or ""
    data = _option(process.argv, "-D", "--datadir", "--dbpath", "--data-dir")
    named = re.search(_FOLDER[kind], text, re.MULTILINE) if kind in _FOLDER else None
    mine = [
        listener
        for listener in listening
        if (listener.program, listener.unit) == (process.program, process.unit) and listener.protocol == "tcp"
    ]
    # One folder's clusters have units of their own, which the packages of PostgreSQL name by version and cluster.
    port = min((listener.port for listener in mine), default=0)
    addresses = tuple(sorted({listener.address for listener in mine if listener.port == port}))
    return Database(kind, process.unit, port, addresses, named[1].strip() if named else data or USUAL.get(kind, ""), config)


def _config(kind: str, argv: Sequence[str]) -> str:
    for word in argv:
        if "config_file=" in word:
            return word.partition("config_file=")[2]
    if kind in {"redis", "valkey"}:
        return next((word for word in argv[1:] if word.endswith(".conf")), f"/etc/{kind}/{kind}.conf")
    return _option(argv, "--config", "-f", "--defaults-file") or CONFIGS.get(kind, "")


def _option(argv: Sequence[str], *names: str) -> str:
    for word, following in zip(argv, [*argv[1:], ""], strict=True):
        name, equals, value = word.partition("=")
        if name in names:
            return value if equals else following
    return ""


def _clusters(host: SurveyedHost) -> Iterator[Database]:
    """Clusters as the packages of PostgreSQL keep them: /etc/postgresql/<version>/<name>."""
    for version in host.names("/etc/postgresql"):
        for name in host.names(f"/etc/postgresql/{version}"):
            config = f"/etc/postgresql/{version}/{name}/postgresql.conf"
            text = host.read(config)
            if text is None:
                continue
            port = re.search(r"^\s*port\s*=\s*(\d+)", text, re.MULTILINE)
            data = re.search(_FOLDER["postgresql"], text, re.MULTILINE)
            unit = f"postgresql@{version}-{name}.service"
            yield Database("postgresql", unit, int(port[1]) if port else 0, (), data[1].strip() if data else "", config)
