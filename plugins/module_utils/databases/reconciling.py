# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exporters of databases, brought to where their servers are now: with an address, a password, and a role in the server.

As root, since exporters have neither a secret of another one nor a way to Docker. Whatever fails keeps no other exporter from its work,
and is tried again.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..backup.psql import Psql
from ..backup.settings import BackupError
from ..containers.client import Container
from ..contracts.database_exporters import POSTGRESQL, ROLE, DatabaseExporter
from ..core.atomic_files import read_text, write_atomic
from ..core.journal import Level, log
from ..core.process import CommandError, run
from ..metrics import database_files, database_places
from ..metrics.database_places import ContainerSource, Place
from . import role

FOLDER = database_places.APPLIED.parent
UNITS = Path("/etc/systemd/system")
PATIENCE = 60.0  # seconds in which a server that has been started takes a superuser's question
STEP = 2.0


class Systemd:
    """What is asked of systemd."""

    def instances(self) -> list[str]:
        """Exporters of databases that systemd knows of."""
        argv = ["systemctl", "list-units", "--all", "--plain", "--no-legend", "--full", "latentum-ops-*-exporter@*.service"]
        return [line.split()[0] for line in run(argv, timeout=60).stdout.splitlines() if line.strip()]

    def running(self, unit: str) -> bool:
        """It runs, or is being started again."""
        return run(["systemctl", "is-active", unit], check=False, timeout=60).stdout.strip() in ("active", "activating", "reloading")

    def restart(self, unit: str) -> None:
        """:raises CommandError: it does not start."""
        run(["systemctl", "restart", unit], timeout=120)

    def stop(self, unit: str) -> None:
        """:raises CommandError: it does not end."""
        run(["systemctl", "stop", unit], timeout=120)


@dataclass(frozen=True)
class Wanted:
    """What an exporter is started with."""

    environment: str
    access: str
    about: str

    @property
    def mark(self) -> str:
        """Another one whenever the exporter is to be started again."""
        return hashlib.sha256("\0".join((self.environment, self.access, self.about)).encode()).hexdigest()


def wanted(exporter: DatabaseExporter, place: Place) -> Wanted | None:
    """None while it has no password."""
    password = (read_text(exporter.password_file) or "").rstrip("\r\n") if exporter.password_file else ""
    if exporter.password_file and not password:
        return None
    if "\n" in password:
        raise ValueError(f"{exporter.password_file} has more than one line: no exporter reads such a password")
    template = UNITS / exporter.unit.replace(exporter.name, "")
    files = (template, database_files.queries_path(exporter), database_files.script_path(exporter))
    about = "".join(read_text(file) or "" for file in files)
    environment = database_files.environment_text(database_files.environment(exporter, place.address))
    return Wanted(environment, database_files.access(exporter, place.address, password), about)


def reconcile(source: ContainerSource, systemd: Systemd, sleep: Callable[[float], None] = time.sleep) -> bool:
    """One round; whether all is as it should be.

    :raises ValueError: the configuration cannot be understood.
    """
    database_places.follow(source)
    exporters = database_places.load()
    now = database_places.read(database_places.PLACES)
    FOLDER.mkdir(mode=0o711, parents=True, exist_ok=True)
    names = {exporter.unit for exporter in exporters}
    for unit in systemd.instances():
        if unit not in names:
            systemd.stop(unit)
            log(f"databases: {unit} ended")
    _purge({exporter.name for exporter in exporters})
    failed = [exporter.name for exporter in exporters if exporter.name in now and not _bring(exporter, now[exporter.name], systemd)]
    # All of them measure before a server that is not ready yet is waited for.
    failed += _roles(source, [exporter for exporter in exporters if exporter.admin and exporter.name in now], sleep)
    applied = {name: place for name, place in now.items() if name not in failed}
    write_atomic(database_places.APPLIED, database_places.written(applied), 0o600, os.geteuid(), os.getegid())
    return not failed


def _bring(exporter: DatabaseExporter, place: Place, systemd: Systemd) -> bool:
    """Write what it reads and start it, or start it again where that has changed."""
    try:
        asked = wanted(exporter, place)
        if asked is None:
            log(f"databases: {exporter.name}: {exporter.password_file} is missing: run site.yml with --tags secrets", Level.WARNING)
            return False
        same = read_text(FOLDER / f"{exporter.name}.mark") == asked.mark
        if same and systemd.running(exporter.unit):
            return True
        for kind, content in (("access", asked.access), ("env", asked.environment)):
            write_atomic(FOLDER / f"{exporter.name}.{kind}", content, 0o600, os.geteuid(), os.getegid())
        systemd.restart(exporter.unit)
        write_atomic(FOLDER / f"{exporter.name}.mark", asked.mark, 0o600, os.geteuid(), os.getegid())
    except (OSError, ValueError, CommandError) as error:
        log(f"databases: {exporter.name}: {error}", Level.ERROR)
        return False
    log(f"databases: {exporter.unit} asks {place.address}")
    return True


def _purge(names: set[str]) -> None:
    """Files of exporters that nobody declares any more."""
    for kind in ("access", "env", "mark"):
        for file in FOLDER.glob(f"*.{kind}"):
            if file.name.removesuffix(f".{kind}") not in names:
                file.unlink(missing_ok=True)


def _roles(source: ContainerSource, exporters: Sequence[DatabaseExporter], sleep: Callable[[float], None]) -> list[str]:
    """Roles of servers; the names of those that have none as they should."""
    by_stack = {exporter.stack: source.containers(exporter.stack) for exporter in exporters}
    until = time.monotonic() + PATIENCE
    return [exporter.name for exporter in exporters if not _role(exporter, by_stack, until, sleep)]


def _role(exporter: DatabaseExporter, by_stack: Mapping[str, Sequence[Container]], until: float, sleep: Callable[[float], None]) -> bool:
    password = (read_text(exporter.password_file) or "").rstrip("\r\n")
    container = next(_serving(exporter, by_stack), None)
    if container is None or not password or exporter.kind != POSTGRESQL:
        return False
    sql = Psql(container.name, exporter.admin)
    while True:
        try:
            done = role.ensure(sql, password, reads=bool(exporter.queries))
        except role.RoleRefused as error:
            log(f"databases: {exporter.name}: {error}", Level.ERROR)
            return False
        except (BackupError, ValueError) as error:
            if time.monotonic() < until:
                sleep(STEP)
                continue
            log(f"databases: {exporter.name}: its role was not made: {error}", Level.ERROR)
            return False
        if done:
            log(f"databases: {exporter.name}: {', '.join(done)} of {ROLE}")
        return True


def _serving(exporter: DatabaseExporter, by_stack: Mapping[str, Sequence[Container]]) -> Iterator[Container]:
    return (container for container in by_stack[exporter.stack] if container.service == exporter.service and container.serves)
