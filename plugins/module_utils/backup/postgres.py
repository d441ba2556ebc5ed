# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A PostgreSQL server in a container: what is asked of it, and what it needs to be backed up over the replication protocol.

Source: PostgreSQL's documentation, "Streaming Replication Protocol", "pg_hba.conf", "pg_authid" (SCRAM verifiers: RFC 5803, RFC 7677).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
from dataclasses import dataclass
from pathlib import Path

from ..containers.client import Container, Engine
from ..contracts.backup_settings import Cluster
from ..core.atomic_files import read_text
from ..core.process import CommandError, run
from . import container_files
from .psql import Psql
from .settings import BackupError, Settings

ROLE = "latentum_ops_backup"
ITERATIONS = 4096
BEGIN, END = "# BEGIN latentum.ops backup", "# END latentum.ops backup"
# The host is a neighbour in each network of the container.
RULES = (f"host replication {ROLE} samenet scram-sha-256", f"host postgres {ROLE} samenet scram-sha-256")
# What pg_basebackup and Barman ask for ("Requirements" of Barman's manual); nothing of it reads a table.
GRANTS = f"""
GRANT pg_read_all_settings, pg_read_all_stats TO {ROLE};
GRANT EXECUTE ON FUNCTION pg_switch_wal(), pg_create_restore_point(text) TO {ROLE};
"""
STARTS = {
    True: f"GRANT EXECUTE ON FUNCTION pg_backup_start(text, boolean), pg_backup_stop(boolean) TO {ROLE};",
    False: f"GRANT EXECUTE ON FUNCTION pg_start_backup(text, boolean, boolean), pg_stop_backup(boolean, boolean) TO {ROLE};",
}
ABOUT = """
SELECT current_setting('server_version_num'), current_setting('data_directory'), current_setting('hba_file'),
       current_setting('wal_level'), current_setting('max_wal_senders'), system_identifier FROM pg_control_system()
"""
# The file was not written after it was read last; its time is in whole seconds.
LOADED = "SELECT pg_conf_load_time() >= (pg_stat_file(current_setting('hba_file'))).modification"
CHECKPOINT = f"GRANT pg_checkpoint TO {ROLE};"  # since 15


@dataclass(frozen=True)
class About:
    """What a server says of itself; `version` as ``server_version_num`` (170002 is 17.2)."""

    version: int
    data: str
    hba: str
    identifier: str
    wal_level: str
    senders: int

    @property
    def major(self) -> int:
        """17 of 170002."""
        return self.version // 10000


class Postgres:
    """One server of a stack; `sql` asks it as its superuser."""

    def __init__(self, engine: Engine, settings: Settings, cluster: Cluster) -> None:
        """:raises BackupError: no container of it is running."""
        self.cluster, self.settings = cluster, settings
        self.container: Container = container_files.running(engine, settings.stack, cluster.service)
        self.raw = container_files.inspect(engine, self.container)
        self.sql = Psql(self.container.name, cluster.admin)

    @property
    def address(self) -> str:
        """By which the host reaches it.

        :raises BackupError: it is in no network.
        """
        address = self.container.address()
        if not address:
            raise BackupError(f"{self.container.name} has no address: it needs a network for its backups; `none` and `host` give it none")
        return address

    def about(self) -> About:
        """Its version, places and limits."""
        version, data, hba, level, senders, identifier = self.sql(ABOUT).split("|")
        return About(int(version), data, hba, identifier, level, int(senders))

    def folder(self) -> Path:
        """Its data on the host."""
        return container_files.behind(self.raw, self.about().data)

    def prepare(self) -> list[str]:
        """Let the backup's role in, and nothing more; what was changed, nothing on a second call.

        :raises BackupError: the server cannot be backed up as it is; says what to set.
        """
        about = self.about()
        if elsewhere := self.sql("SELECT spcname FROM pg_tablespace WHERE pg_tablespace_location(oid) <> ''"):
            raise BackupError(
                f"{self.container.name} has tablespaces outside of its data ({elsewhere.split()[0]}): those cannot be backed up yet"
            )
        if about.wal_level == "minimal" or about.senders < 3:
            what = "wal_level=replica" if about.wal_level == "minimal" else "max_wal_senders=10"
            raise BackupError(f"{self.container.name} cannot stream its WAL: add `-c {what}` to its command in the Compose file")
        password = (read_text(self.cluster.password_file) or "").strip()
        if not password:
            raise BackupError(f"{self.cluster.password_file} is missing: run site.yml with --tags secrets")
        done = []
        if not same_password(self.sql("SELECT rolpassword FROM pg_authid WHERE rolname = :'role'", role=ROLE), password):
            exists = self.sql("SELECT 1 FROM pg_roles WHERE rolname = :'role'", role=ROLE)
            verb = "ALTER" if exists else "CREATE"
            grants = GRANTS + STARTS[about.major >= 15] + (CHECKPOINT if about.major >= 15 else "")
            role = f"{verb} ROLE {ROLE} LOGIN REPLICATION CONNECTION LIMIT 10 PASSWORD '{verifier(password)}';"
            self.sql(f"BEGIN; {role}{grants} COMMIT;")  # all or none: the password tells whether it was done
            done.append(f"role {ROLE}")
        if self._let_in(about):
            done.append("pg_hba.conf")
        return done

    def _let_in(self, about: About) -> bool:
        """Rules for the role before all others, so that none of those can refuse it; what was written and not loaded is loaded."""
        present = self.sql("SELECT pg_read_file(current_setting('hba_file'))")
        wanted = with_rules(present)
        written = present.strip() != wanted.strip()
        if not written and self.sql(LOADED) == "t":
            return False
        if written:
            self._write(about, wanted)
        wrong = self.sql("SELECT line_number || ': ' || error FROM pg_hba_file_rules WHERE error IS NOT NULL")
        if wrong and written:
            raise BackupError(f"{about.hba} of {self.container.name} has errors of its own, so nothing of it is read anew: {wrong}")
        if not wrong:  # else somebody broke it since: what was loaded before goes on to count
            self.sql("SELECT pg_reload_conf()")
        return not wrong

    def _write(self, about: About, content: str) -> None:
        """:raises BackupError: it is read-only."""
        # Beside it and then over it; a file that is a mount of its own cannot be replaced, only written.
        over = '{ cat "$1.new" >"$1"; done=$?; rm -f "$1.new"; exit "$done"; }'
        script = f'umask 077; cat >"$1.new" && {{ mv "$1.new" "$1" || {over}; }}'
        argv = [
            "docker",
            "exec",
            "--interactive",
            f"--user={self._owner(about.hba)}",
            self.container.name,
            "sh",
            "-c",
            script,
            "sh",
            about.hba,
        ]
        try:
            run(argv, input=content, timeout=30)
        except CommandError as error:
            rules = " and ".join(f"`{rule}`" for rule in RULES)
            raise BackupError(f"{about.hba} of {self.container.name} cannot be written: put {rules} at its beginning yourself") from error

    def _owner(self, path: str) -> str:
        """Numbers of the user and group that own a file in the container."""
        return run(["docker", "exec", self.container.name, "stat", "-c", "%u:%g", path], timeout=30).stdout.strip() or "0:0"


def verifier(password: str, salt: bytes = b"", iterations: int = ITERATIONS) -> str:
    """What PostgreSQL stores of a password (SCRAM-SHA-256), so that the password itself is in no statement and no log."""
    salt = salt or os.urandom(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    salt64, stored64, server64 = (base64.b64encode(part).decode() for part in (salt, stored, server))
    return f"SCRAM-SHA-256${iterations}:{salt64}${stored64}:{server64}"


def same_password(stored: str, password: str) -> bool:
    """Whether a stored verifier is of this password."""
    match = re.fullmatch(r"SCRAM-SHA-256\$(\d+):([^$]+)\$.+", stored)
    return match is not None and verifier(password, base64.b64decode(match[2]), int(match[1])) == stored


def with_rules(present: str) -> str:
    """The file with the rules of the backup, once, before all others."""
    rest = re.sub(rf"{re.escape(BEGIN)}\n.*?{re.escape(END)}\n", "", present.rstrip("\n") + "\n", flags=re.DOTALL)
    return "\n".join([BEGIN, *RULES, END]) + "\n" + rest
