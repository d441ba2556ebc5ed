# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proof of a database's backup: a server that recovers it, PostgreSQL's own checks, and the questions of the declaration.

Used by the verification, by a restore before anything is replaced, and by a drill.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..containers.client import Engine
from ..contracts.backup_settings import Check
from ..core.process import CommandError, run
from . import scratch_container
from .psql import Psql
from .settings import BackupError

RECOVERY = 4 * 3600.0
SCRATCH = "latentum_ops_dump"
TABLES = """
SELECT count(*) FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE relkind = 'r' AND nspname !~ '^(pg_|information_schema)'
"""
# Of the image, in its PATH or where Debian has it. WAL is kept elsewhere, and read by the recovery.
CHECKSUMS = (
    "program=$(command -v pg_verifybackup) || for program in /usr/lib/postgresql/*/bin/pg_verifybackup; do :; done;"
    ' exec "$program" --no-parse-wal /base'
)
TOO_SHORT = "recovery ended before configured recovery target was reached"  # PostgreSQL's own words


class WalEndedEarly(BackupError):
    """The WAL that there is does not reach the moment that was asked for."""


@dataclass(frozen=True)
class Finding:
    """One check and what it found."""

    name: str
    ok: bool
    found: str

    def as_dict(self) -> dict[str, Any]:
        """For the state and for reports."""
        return {"name": self.name, "ok": self.ok, "found": self.found}


def checksums(engine: Engine, raw: Mapping[str, Any], stack: str, base: Path, tell: Callable[[str], None]) -> None:
    """Every file of a base against the checksums that PostgreSQL wrote beside it, by the program of the server's own image.

    :param raw: the server's container, as the engine describes it.
    :raises BackupError: one differs, or the image has no such program; its words are in it.
    """
    reader = {**raw, "Config": {**raw["Config"], "User": "0:0"}}  # the files are Barman's
    with scratch_container.like(engine, reader, stack, "checksums", base, "/base", command=["sh", "-c", CHECKSUMS]) as name:
        end = time.monotonic() + RECOVERY
        while (state := engine.api.inspect_container(name)["State"]).get("Running"):
            if time.monotonic() > end:
                raise BackupError(f"pg_verifybackup did not end within {RECOVERY:.0f} s")
            tell("pg_verifybackup reads every file")
            time.sleep(0.5)
        if state.get("ExitCode"):
            raise BackupError(f"pg_verifybackup ended with exit code {state['ExitCode']}: {scratch_container.last_words(engine, name)}")


@contextmanager
def recovered(
    engine: Engine, raw: Mapping[str, Any], stack: str, data: Path, facts: Mapping[str, Any], tell: Callable[[str], None], use: str = ""
) -> Iterator[Psql]:
    """A throw-away server that has recovered a data folder to its end, and takes questions.

    :raises WalEndedEarly: its recovery has a target that it did not reach.
    :param raw: the container that it resembles, as the engine describes it.
    :param facts: of the cluster (module staging).
    """
    with scratch_container.like(engine, raw, stack, str(facts["server"]), data, str(facts["data"]), use=use) as name:
        psql = Psql(name, str(facts["admin"]))
        try:
            scratch_container.wait(engine, name, lambda: _promoted(psql), RECOVERY, tell)
        except BackupError as error:
            if TOO_SHORT in scratch_container.last_words(engine, name):
                raise WalEndedEarly(str(error)) from error
            raise
        yield psql


def _promoted(psql: Psql) -> bool:
    """It answers, and has come to the end of its recovery."""
    try:
        return psql("SELECT pg_is_in_recovery()", timeout=10) == "f"
    except BackupError:
        return False


def amcheck(psql: Psql) -> Finding:
    """Every table and index is read and checked against itself (`pg_amcheck`, since PostgreSQL 14)."""
    argv = ["pg_amcheck", "--all", "--install-missing", "--no-password", f"--username={psql.admin}"]
    began = time.monotonic()
    done = run(["docker", "exec", psql.container, *argv], timeout=RECOVERY, check=False)
    if done.rc in (126, 127):
        return Finding("pg_amcheck", True, "not in this image; every row is read by a dump instead") if _dumps(psql) else _unreadable()
    output = " ".join(done.shown(400).split())
    return Finding("pg_amcheck", done.rc == 0, output or f"no damage, {time.monotonic() - began:.1f} s")


def _dumps(psql: Psql) -> bool:
    argv = ["pg_dumpall", "--no-password", f"--username={psql.admin}", "--file=/dev/null"]
    return run(["docker", "exec", psql.container, *argv], timeout=RECOVERY, check=False).rc == 0


def _unreadable() -> Finding:
    return Finding("pg_dumpall", False, "not every row can be read")


def dumps(psql: Psql, folder: Path, facts: Mapping[str, Any]) -> list[Finding]:
    """Each logical dump is restored into an empty database, and has the tables of the recovered one."""
    findings = []
    for database, about in facts["dumps"].items():
        psql('CREATE DATABASE :"name" TEMPLATE template0', name=SCRATCH)
        try:
            restore_dump(psql, folder / about["file"], SCRATCH)
            there, wanted = int(psql(TABLES, SCRATCH)), int(psql(TABLES, database))
            findings.append(Finding(f"dump of {database}", there == wanted, f"{there} tables, {wanted} in the recovered database"))
        except BackupError as error:
            findings.append(Finding(f"dump of {database}", False, str(error)))
        finally:
            psql('DROP DATABASE :"name" WITH (FORCE)', name=SCRATCH)
    return findings


def restore_dump(psql: Psql, file: Path, database: str, words: Sequence[str] = ()) -> None:
    """`pg_restore` of a dump in the custom format.

    :raises BackupError: it is truncated, or does not fit.
    """
    argv = ["pg_restore", "--exit-on-error", "--no-password", f"--username={psql.admin}", f"--dbname={database}", *words]
    try:
        with file.open("rb") as dump:
            run(["docker", "exec", "--interactive", psql.container, *argv], timeout=RECOVERY, stdin=dump)
    except (CommandError, OSError) as error:
        output = error.stderr.strip()[-400:] if isinstance(error, CommandError) else str(error)
        raise BackupError(f"{file.name} cannot be restored: {output or error}") from error


def ask(psql: Psql, checks: Sequence[Check], taken: float) -> list[Finding]:
    """The questions of the declaration; `taken` is the moment of the backup."""
    return [_ask(psql, check, taken) for check in checks]


def _ask(psql: Psql, check: Check, taken: float) -> Finding:
    query = check.query.strip().rstrip(";")
    try:
        answer = psql(query, check.database, timeout=3600).partition("\n")[0]
        if answer and check.newest is not None:
            answer = psql("SELECT extract(epoch FROM :'time'::timestamptz)", check.database, time=answer)
        number = float(answer) if answer else None
    except (BackupError, ValueError) as error:
        return Finding(query, False, f"no number or time: {error}")
    if number is None:
        return Finding(query, False, "nothing")
    if check.newest is not None:
        age = taken - number
        return Finding(
            query, age <= check.newest, f"{max(age, 0):.0f} s old when the backup was taken, at most {check.newest:.0f} s allowed"
        )
    least = check.at_least or 0.0
    return Finding(query, number >= least, f"{number:g}, at least {least:g} expected")
