# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Barman on this host: base backups and a stream of WAL from a container, over the replication protocol.

Source: Barman's manual (streaming-only setup, `backup_method = postgres`), versions 3.11 and later.
"""

from __future__ import annotations

import json
import os
import pwd
import re
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.atomic_files import read_text, write_atomic
from ..core.process import CommandError, Result, run
from .postgres import ROLE, About, Postgres
from .settings import BackupError

USER = "barman"
HOME = Path("/var/lib/barman")
# Not the package's own folder: its cron job would receive the WAL in place of our unit, which knows where the container is.
CONFIGURATION = Path("/etc/latentum-ops/barman")
LOG = Path("/var/log/barman/barman.log")
CLIENTS = Path("/usr/lib/postgresql")
CONTROL_IS_READ = 17  # version since which pg_verifybackup reads pg_control
SLOT = "latentum_ops"
HOURS = 12 * 3600.0  # longest base backup or recovery


@dataclass(frozen=True)
class Base:
    """One base backup; `end` in epoch seconds, cut down to whole ones: it can be recovered to what is later. Size in bytes."""

    id: str
    end: float
    size: int


class Barman:
    """What Barman does for one server.

    :param home: where its data are; another than the usual for a copy that came from a target.
    """

    def __init__(self, server: str, home: Path = HOME) -> None:
        self.server, self.home = server, home
        self.folder = home / server
        self._own = CONFIGURATION / f"{server}.conf" if home == HOME else home / "barman.conf"

    # -- configuration ----------------------------------------------------------------------------------------------

    def configure(self, postgres: Postgres, about: About, password: str) -> bool:
        """Write where the server is now; whether anything changed. Containers change their address at each start."""
        passfile = self.home / f".{self.server}.pgpass"
        name = f"user={ROLE} host={postgres.address} passfile={passfile}"
        content = self._head(LOG) + _section(
            self.server,
            description=f"{postgres.cluster.service} of {postgres.settings.stack}, written by latentum.ops",
            conninfo=f"{name} dbname=postgres application_name=latentum-ops-backup connect_timeout=10",
            streaming_conninfo=f"{name} application_name=latentum-ops-wal connect_timeout=10",
            backup_method="postgres",
            immediate_checkpoint="true",
            streaming_archiver="on",
            archiver="off",
            slot_name=SLOT,
            create_slot="auto",
            path_prefix=str(client(about.major)),
        )
        user, group = _numbers()
        changed = read_text(self._own) != content
        secret = f"*:*:*:{ROLE}:{password}\n"
        if read_text(passfile) != secret:
            write_atomic(passfile, secret, 0o600, user, group)
        if changed:
            CONFIGURATION.mkdir(mode=0o750, parents=True, exist_ok=True)
            os.chown(CONFIGURATION, 0, group)
            CONFIGURATION.chmod(0o750)
            write_atomic(self._own, content, 0o640, 0, group)
        return changed

    def _head(self, log: Path) -> str:
        return _section("barman", barman_user=USER, barman_home=str(self.home), log_file=str(log))

    def stand_alone(self, major: int) -> None:
        """A configuration for a copy in `home`: nothing of it ever talks to a server."""
        nobody = f"user={ROLE} host=127.0.0.1 port=1 connect_timeout=1"
        body = _section(
            self.server,
            description="a copy",
            conninfo=f"{nobody} dbname=postgres",
            streaming_conninfo=nobody,
            backup_method="postgres",
            streaming_archiver="on",
            slot_name=SLOT,
            path_prefix=str(client(major)),
        )
        user, group = _numbers()
        # They came with the numbers of another host, and parents that nobody asked for are root's alone.
        run(["chown", "--recursive", f"{user}:{group}", "--", str(self.home)], timeout=3600)
        self.home.chmod(0o700)
        write_atomic(self._own, self._head(self.home / "barman.log") + body, 0o640, user, group)

    def set_aside(self, identifier: str) -> Path | None:
        """Put away what belongs to another database cluster of the same name: Barman refuses to mix them.

        :return: where it is now; None when there was none.
        """
        known = read_text(self.folder / "identity.json")
        if not known or str(json.loads(known).get("systemid")) == identifier:
            return None
        aside = self.folder.with_name(f"{self.server}.before-{time.strftime('%Y%m%dT%H%M%S')}")
        self.folder.rename(aside)
        return aside

    # -- WAL --------------------------------------------------------------------------------------------------------

    def turn(self, timeline: int) -> None:
        """Follow a server whose history went another way: a restore began a timeline, or an undo went back to an older one.

        What was received after the turn is of a history that is no more. Left in place, it would be taken for the server's
        future: by the receiver, which goes on from the newest file, and by a recovery, which follows the newest timeline.
        The receiver then goes on from the slot of the server (PostgreSQL 15 and later), or from its present position.
        """
        with suppress(BackupError):
            self.archive()  # what is finished is kept, unless it is of the history that is no more
        gone = self.folder / "abandoned"
        shutil.rmtree(gone, ignore_errors=True)
        gone.mkdir(mode=0o700)
        os.chown(gone, *_numbers())
        later = [base.id for base in self.bases() if self._timeline(base) > timeline]
        for base in later:
            self._run("delete", self.server, base, timeout=600)
        wals = [file for file in (self.folder / "wals").glob("**/*") if file.is_file() and _timeline_of(file) > timeline]
        for file in [*(self.folder / "streaming").glob("*"), *wals]:
            file.rename(gone / file.name)
        if wals:
            self._run("rebuild-xlogdb", self.server, timeout=600)

    def _timeline(self, base: Base) -> int:
        shown = json.loads(self._run("--format", "json", "show-backup", self.server, base.id).stdout)
        return int(shown[self.server]["base_backup_information"]["timeline"])

    def archive(self) -> None:
        """Take finished segments over from the stream."""
        self._run("archive-wal", self.server, timeout=600)

    def switch(self) -> None:
        """Let the server finish its present segment."""
        self._run("switch-wal", "--force", self.server)

    def _complete(self) -> None:
        """Let the server finish its present segment, and wait until it is archived.

        :raises BackupError: no WAL arrives.
        """
        self._run("switch-wal", "--force", "--archive", "--archive-timeout", "120", self.server, timeout=180)

    def streamed(self) -> float:
        """When WAL was last received, in epoch seconds; 0 for never."""
        received = [file for file in (self.folder / "streaming").glob("*") if re.match(r"[0-9A-F]{24}", file.name)]
        segments = sorted((self.folder / "wals").glob("*/*"))[-1:]
        return max(map(_written, [*received, *segments]), default=0.0)

    def unfinished(self) -> list[Path]:
        """Segments that are in the stream, and not archived yet; the last may be partial."""
        return sorted(file for file in (self.folder / "streaming").glob("*") if re.match(r"[0-9A-F]{24}(\.partial)?$", file.name))

    # -- base backups -----------------------------------------------------------------------------------------------

    def bases(self) -> list[Base]:
        """Those that are complete, the oldest first."""
        text = self._run("--format", "json", "list-backups", self.server).stdout
        listed = json.loads(text).get(self.server, [])
        done = [base for base in listed if base.get("status") == "DONE"]
        return sorted(
            (Base(base["backup_id"], float(base["end_time_timestamp"]), int(base["size_bytes"])) for base in done), key=lambda base: base.id
        )

    def backup(self, tell: Callable[[str], None]) -> Base:
        """A new base backup, complete with the WAL that makes it consistent.

        :raises BackupError: it failed; Barman's own words are in it.
        """
        if not any((self.folder / "wals").glob("*/*")):
            self._complete()  # Barman wants to see that WAL arrives before it begins
        known = {base.id for base in self.bases()}
        tell(f"base backup of {self.server}")
        self._run("backup", self.server, timeout=HOURS)
        # Not its own `--wait`: where the end falls on the border of a segment, that waits for one which nobody finishes.
        self._complete()
        self._run("check-backup", self.server, "latest")
        made = [base for base in self.bases() if base.id not in known]
        if not made:
            raise BackupError(f"Barman made no complete base backup of {self.server}: look at /var/log/barman/barman.log")
        return made[-1]

    def thin(self, keep: int) -> list[str]:
        """Remove all but the newest bases, and what failed; their WAL goes with them. The ids that were removed."""
        removed = [base.id for base in self.bases()[:-keep]]
        text = self._run("--format", "json", "list-backups", self.server).stdout
        removed += [base["backup_id"] for base in json.loads(text).get(self.server, []) if base.get("status") == "FAILED"]
        for base in removed:
            self._run("delete", self.server, base, timeout=600)
        return removed

    def base_for(self, at: float | None) -> Base:
        """The newest base that can be recovered to a moment (epoch seconds); the newest of all for None.

        :raises BackupError: none is that old.
        """
        bases = self.bases()
        fitting = [base for base in bases if at is None or _surely(base) <= at]
        if not fitting:
            first = time.strftime("%Y-%m-%d %H:%M:%S+00", time.gmtime(_surely(bases[0]))) if bases else "none at all"
            raise BackupError(
                f"no base backup of {self.server} is that old; the first moment that can be recovered to is {first}; "
                "targets may reach further back: --from TARGET"
            )
        return fitting[-1]

    def data_of(self, base: Base) -> Path:
        """The data folder of a base, with the checksums that PostgreSQL wrote beside it."""
        return self.folder / "base" / base.id / "data"

    def check(self, base: Base) -> None:
        """Every file of a base against the checksums that PostgreSQL wrote beside it (`pg_verifybackup`).

        :raises BackupError: one differs.
        """
        self._run("verify-backup", self.server, base.id, timeout=HOURS)

    def recover(self, base: Base, destination: Path, at: str | None) -> None:
        """Prepare a data folder that recovers itself when a server is started on it.

        Barman chooses base and WAL; the unarchived end of the stream is added, and paths are made those of a container.

        :param at: PostgreSQL's recovery_target_time; None for all that there is.
        """
        target = ["--target-time", at, "--target-action", "promote"] if at else []
        user, group = _numbers()
        destination.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.chown(destination.parent, user, group)
        if destination.exists():
            shutil.rmtree(destination)
        self._run("recover", *target, self.server, base.id, str(destination), timeout=HOURS)
        wal = destination / "barman_wal"
        wal.mkdir(exist_ok=True)
        for file in self.unfinished():
            place = wal / file.name.removesuffix(".partial")
            if not place.exists():
                shutil.copyfile(file, place)
        lines = ["restore_command = 'cp barman_wal/%f %p'"]
        if at:
            lines += [f"recovery_target_time = '{at}'", "recovery_target_action = 'promote'"]
        automatic = destination / "postgresql.auto.conf"
        kept = [line for line in automatic.read_text().splitlines() if not re.match(r"(restore_command|recovery_)", line)]
        automatic.write_text("\n".join([*kept, *lines]) + "\n")
        (destination / "recovery.signal").touch()

    def _run(self, *words: str, timeout: float = 120) -> Result:
        # Not runuser, which opens a session: that takes back the priority of the unit, and needs rights for it that the unit has not.
        argv = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--init-groups", "--", "barman", "--config", str(self._own), *words]
        try:
            return run(argv, timeout=timeout, cwd="/")
        except CommandError as error:
            output = " ".join((error.stderr.strip() or error.stdout.strip() or str(error)).split())[-600:]
            raise BackupError(f"barman {' '.join(words[:2])}: {output}") from error


def _written(file: Path) -> float:
    """When a file was written last; 0 for one that has just got another name."""
    try:
        return file.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _surely(base: Base) -> int:
    """By when it had ended: Barman cuts the moment down to whole seconds."""
    return int(base.end) + 1


def can_check(major: int) -> bool:
    """Whether a program of this host can check a base of a server of this version.

    Since 17 `pg_verifybackup` reads pg_control as well, and only in the layout of its own version ("CRC is incorrect").
    """
    return major < CONTROL_IS_READ or client(major).parent.name == str(major)


def client(major: int) -> Path:
    """The programs of PostgreSQL on this host that can talk to a server of a major version.

    :raises BackupError: they are all older than the server.
    """
    known = sorted(int(folder.name) for folder in CLIENTS.glob("*") if folder.name.isdigit() and (folder / "bin/pg_receivewal").exists())
    if major in known:
        return CLIENTS / str(major) / "bin"
    newer = [folder for folder in known if folder > major]
    if not newer:
        have = f"this host has {known[-1]}" if known else "this host has none"
        raise BackupError(f"PostgreSQL {major} needs its own client programs, and {have}: install postgresql-client-{major}")
    return CLIENTS / str(newer[0]) / "bin"


def _timeline_of(file: Path) -> int:
    """Of a segment or a history file; 0 for anything else."""
    match = re.match(r"([0-9A-F]{8})([0-9A-F]{16}|\.history$)", file.name)
    return int(match[1], 16) if match else 0


def _section(name: str, **options: Any) -> str:
    return f"[{name}]\n" + "".join(f"{key} = {value}\n" for key, value in options.items())


def _numbers() -> tuple[int, int]:
    """User and group of Barman.

    :raises BackupError: it is not installed.
    """
    try:
        entry = pwd.getpwnam(USER)
    except KeyError as error:
        raise BackupError("Barman is not installed on this host: run site.yml with --tags backup") from error
    return entry.pw_uid, entry.pw_gid
