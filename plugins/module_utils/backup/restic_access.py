# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How restic gets at a target: what goes on its command line (nothing secret), into its environment, and must never be shown."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ..contracts.backup_settings import Target
from .restic_errors import TargetError

CACHE = Path("/var/cache/latentum-ops/restic")
KNOWN_HOSTS = Path("/etc/latentum-ops/backup/known_hosts")
LOCK_WAIT = 300  # seconds that an operation waits for others
STUCK = 120  # seconds after which a request that does not get on is tried again
# A connection that says nothing for a minute is dead; nobody is there to answer a question.
SSH = shlex.split("-o BatchMode=yes -o StrictHostKeyChecking=yes -o ConnectTimeout=15 -o ServerAliveInterval=20 -o ServerAliveCountMax=3")


@dataclass(frozen=True)
class Access:
    """The way to one target."""

    target: Target
    program: str
    cache: Path
    known_hosts: Path

    @property
    def by_ssh(self) -> bool:
        """ssh is between restic and the target."""
        return self.target.repository.startswith("sftp:")

    def command(self, *, lock: bool, ssh_log: str = "") -> list[str]:
        """The program with all options that no verb is needed for.

        :param ssh_log: the file that ssh is to tell its troubles: restic often ends before it has read them.
        """
        argv = [self.program, "--json", f"--stuck-request-timeout={STUCK}s", f"--retry-lock={LOCK_WAIT}s" if lock else "--no-lock"]
        if self.target.ca_file:
            argv.append(f"--cacert={self.target.ca_file}")
        if self.target.upload_limit:
            argv.append(f"--limit-upload={self.target.upload_limit}")
        if self.by_ssh:
            key = self.target.ssh_key_file
            options = [*SSH, "-o", f"UserKnownHostsFile={self.known_hosts}"]
            options += ["-o", "IdentitiesOnly=yes", "-i", str(key)] if key else []
            argv += ["-o", f"sftp.args={shlex.join([*options, '-E', ssh_log] if ssh_log else options)}"]
        return argv

    def environment(self) -> dict[str, str]:
        """Variables for restic, the secret ones read at this moment: they may have been rotated since.

        The repository is among them because its address may hold a password.

        :raises TargetError: a secret's file is missing.
        """
        variables = {
            "RESTIC_REPOSITORY": self.target.repository,
            "RESTIC_PASSWORD_FILE": self.target.key_file,
            "RESTIC_CACHE_DIR": str(self.cache),
        }
        self._readable(self.target.key_file)
        for name, file in self.target.environment.items():
            variables[name] = self._readable(file)
        return variables

    def secrets(self) -> list[str]:
        """The values that must not be shown, the longest first: one may be a part of another. A user's name may be any word: it is."""
        environment = self.target.environment
        values = [self._readable(file) for name, file in environment.items() if not name.endswith(("_USERNAME", "_USER"))]
        password = urlsplit(self.target.repository.partition(":")[2]).password
        values += [password, unquote(password)] if password else []
        return sorted(filter(None, values), key=len, reverse=True)

    def _readable(self, file: str | Path) -> str:
        try:
            return Path(file).read_text(encoding="utf-8").strip("\r\n")
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or "it is not text"
            raise TargetError(
                self.target.name,
                "",
                what=f"cannot be used: its secret {file} cannot be read ({why})",
                advice="apply the playbook with the tags secrets and backup",
            ) from error
