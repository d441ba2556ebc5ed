# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SQL in a container: its own psql on its own socket, so that neither a password nor an address is needed."""

from __future__ import annotations

from ..core.process import CommandError, run
from .settings import BackupError


class Psql:
    """psql in a container, as a superuser."""

    def __init__(self, container: str, admin: str) -> None:
        self.container, self.admin = container, admin

    def __call__(self, statement: str, database: str = "postgres", timeout: float = 60, **values: str) -> str:
        """Rows as lines, columns divided by ``|``. The statement comes by standard input: it may hold a verifier.

        :param values: psql quotes them where the statement says ``:'name'`` (a literal) or ``:"name"`` (an identifier); never secret ones.

        :raises BackupError: the server refused it, or is not there.
        """
        argv = ["psql", "--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set=ON_ERROR_STOP=1", "--no-password"]
        argv += [f"--username={self.admin}", f"--dbname={database}"]
        argv += [f"--set={name}={value}" for name, value in values.items()]
        try:
            done = run(["docker", "exec", "--interactive", self.container, *argv], input=statement, timeout=timeout)
        except CommandError as error:
            raise BackupError(f"{self.container} refused a question: {(error.stderr or str(error)).strip()[-500:]}") from error
        return done.stdout.strip()
