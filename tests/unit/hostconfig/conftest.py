# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.core import paths, process
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig import revert_timer, transaction
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.entries import parse_entries


class Systemd:
    """Stands for systemctl and systemd-run; every other program really runs."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.timer = False
        self.refuses = False

    def run(self, argv: Sequence[str], **options: Any) -> process.Result:
        """As runner.run."""
        if argv[0] not in {"systemctl", "systemd-run"}:
            return process.run(argv, **options)
        self.calls.append(list(argv))
        rc = 0
        if argv[0] == "systemd-run":
            rc = int(self.refuses)
            self.timer = not self.refuses
        elif argv[1] == "is-active":
            rc = 0 if self.timer else 3
        elif argv[1] == "stop":
            self.timer = False
        result = process.Result(tuple(argv), rc, "", "no bus")
        if rc and options.get("check", True):
            raise process.CommandError(result, "failed")
        return result


@pytest.fixture
def systemd(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Systemd:
    """A systemd that notes what it is told; what the guard keeps is kept in the test's folder."""
    fake = Systemd()
    monkeypatch.setattr(revert_timer, "run", fake.run)
    monkeypatch.setattr(transaction, "run", fake.run)
    monkeypatch.setattr(revert_timer, "FOLDER", tmp_path / "kept")
    monkeypatch.setattr(revert_timer, "UNITS", tmp_path / "units")
    monkeypatch.setattr(revert_timer, "PATIENCE", 0.0)
    return fake


@pytest.fixture
def stacks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where a host keeps what it knows of its stacks."""
    for name in ("SHARES", "STACKS", "UPSTREAMS"):
        monkeypatch.setattr(paths, name, tmp_path / "host" / name.lower())
    (tmp_path / "host/stacks").mkdir(parents=True)
    return tmp_path / "host"


def raw(path: Path, **more: Any) -> dict[str, Any]:
    """A file of this user, as a role writes it."""
    return {"path": str(path), "owner": str(os.getuid()), "group": str(os.getgid()), **more}


def a_set(*raws: dict[str, Any], purge: Sequence[dict[str, str]] = (), **options: Any) -> transaction.ConfigSet:
    """A set as the module builds it."""
    return transaction.ConfigSet(name="trial", entries=parse_entries(raws), purge=purge, journal=True, **options)


def tree(folder: Path) -> dict[str, tuple[int, int, int, str]]:
    """Everything in a folder: mode, owner, group, and content or target."""
    found = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        content = f"-> {path.readlink()}" if path.is_symlink() else path.read_text(errors="surrogateescape") if path.is_file() else "/"
        found[str(path.relative_to(folder))] = (status.st_mode, status.st_uid, status.st_gid, content)
    return found
