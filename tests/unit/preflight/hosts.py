# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host of recorded outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from ansible_collections.latentum.ops.plugins.module_utils.containers.client import Engine
from ansible_collections.latentum.ops.plugins.module_utils.firewall.host import Connection
from ansible_collections.latentum.ops.plugins.module_utils.preflight.host import Host

ROOT = Path(__file__).parents[3]
RECORDED = Path(__file__).parent / "recorded"


def recorded(name: str) -> str:
    """An output as a host gave it."""
    return (RECORDED / name).read_text()


class RecordedHost(Host):
    """Programs answer what is recorded, files are those that are named; nothing of this machine is seen.

    :param outputs: by the argv as one string; a program that is not named is not installed.
    :param files: content by path.
    :param accounts: groups by user.
    """

    connection = None
    engine = None
    user = "root"

    def __init__(
        self,
        outputs: Mapping[str, str] | None = None,
        files: Mapping[str, str] | None = None,
        accounts: Mapping[str, Sequence[str]] | None = None,
        *,
        user: str = "root",
        connection: Connection | None = None,
        engine: Engine | None = None,
    ) -> None:
        self.outputs, self.texts, self.accounts = outputs or {}, files or {}, accounts or {}
        vars(self).update(user=user, connection=connection, engine=engine)

    def groups(self, user: str) -> list[str]:
        """As declared."""
        return list(self.accounts.get(user, []))

    def home(self, user: str) -> Path | None:
        """Where it is on most hosts."""
        return Path("/root" if user == "root" else f"/home/{user}")

    def output(self, argv: Sequence[str]) -> str | None:
        """What is recorded."""
        return self.outputs.get(" ".join(argv))

    def said(self, argv: Sequence[str]) -> str | None:
        """The same, whichever output it is."""
        return self.output(argv)

    def read(self, path: str | Path) -> str | None:
        """What is named."""
        return self.texts.get(str(path))

    def files(self, folder: str, pattern: str) -> list[Path]:
        """Those of what is named."""
        return [Path(path) for path in sorted(self.texts) if str(Path(path).parent) == folder and fnmatch(Path(path).name, pattern)]


def wanted(role: str, **values: Any) -> dict[str, dict[str, Any]]:
    """What one role wants."""
    return {role: values}
