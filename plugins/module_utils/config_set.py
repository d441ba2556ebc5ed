# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A set of files as one transaction: all of it is valid and active, or none of it was ever there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from . import guard
from .config_entries import Change, Entry, EntryError, compare, restore, write
from .runner import CommandError, run

Argv = Sequence[str]


class ConfigSetError(Exception):
    """The set was refused by its checker or could not be activated; the old files are back."""


@dataclass(frozen=True)
class ConfigSet:
    """What belongs together.

    :param name: names the set in messages and its revert timer.
    :param validate: commands that must succeed with the new files in place (``nginx -t``).
    :param activate: commands that make a running service use them (``systemctl reload nginx``).
    :param activate_unit: activate only while this systemd unit is active.
    :param revert_after: seconds until the change takes itself back unless confirmed; 0 for never.
    :param parents: make missing parent folders (0755, root) instead of refusing.
    """

    name: str
    entries: Sequence[Entry]
    validate: Sequence[Argv] = ()
    activate: Sequence[Argv] = ()
    activate_unit: str = ""
    revert_after: int = 0
    parents: bool = False


@dataclass
class Outcome:
    """What was, or in check mode would be, changed."""

    changes: list[Change] = field(default_factory=list)
    armed: bool = False

    @property
    def paths(self) -> list[str]:
        """The changed paths, in the order in which they are written."""
        return [str(change.entry.path) for change in self.changes]


def apply(wanted: ConfigSet, *, check_mode: bool = False) -> Outcome:
    """Bring the set about.

    :raises EntryError: an entry cannot be carried out; nothing was changed.
    :raises ConfigSetError: the checker refused, or activating failed; every old file is back and active.
    """
    outcome = Outcome([change for entry in wanted.entries if (change := compare(entry))])
    if wanted.revert_after:
        outcome.armed = guard.armed(wanted.name)
    if not outcome.changes or check_mode:
        return outcome
    if outcome.armed:
        # The last change was never confirmed: what it replaced is the last state known to be good.
        guard.revert_now(wanted.name)
        outcome.changes = [change for entry in wanted.entries if (change := compare(entry))]
    _require_parents(wanted, outcome.changes)
    activate = wanted.activate if not wanted.activate_unit or _active(wanted.activate_unit) else ()
    written: list[Change] = []
    try:
        for change in outcome.changes:
            written.append(change)
            write(change.entry)
        for argv in wanted.validate:
            run(argv, timeout=120)
    except (CommandError, OSError) as error:
        _take_back(written)
        raise ConfigSetError(f"{wanted.name}: refused, and the old files are back: {error}") from error
    if activate and wanted.revert_after:
        guard.arm(wanted.name, [change.found for change in reversed(written)], activate, wanted.revert_after)
        outcome.armed = True
    try:
        for argv in activate:
            run(argv, timeout=300)
    except CommandError as error:
        guard_was_armed, outcome.armed = outcome.armed, False
        if guard_was_armed:
            guard.disarm(wanted.name)
        _take_back(written)
        for argv in activate:
            run(argv, timeout=300, check=False)
        raise ConfigSetError(f"{wanted.name}: could not be activated, and the old files are back: {error}") from error
    return outcome


def confirm(name: str, *, check_mode: bool = False) -> bool:
    """Keep the change of this name; returns whether one was waiting."""
    waiting = guard.armed(name)
    if waiting and not check_mode:
        guard.disarm(name)
    return waiting


def _active(unit: str) -> bool:
    return run(["systemctl", "is-active", "--quiet", unit], check=False).rc == 0


def _require_parents(wanted: ConfigSet, changes: Sequence[Change]) -> None:
    """Refuse a file without a folder before anything is written, or make the folder when told to."""
    coming = {entry.path for entry in wanted.entries if entry.state == "directory"}
    for change in changes:
        parent = change.entry.path.parent
        if change.entry.state in {"file", "link"} and not parent.is_dir() and not (coming & {parent, *parent.parents}):
            if not wanted.parents:
                raise EntryError(
                    f"files: the folder of {change.entry.path} does not exist: list it with state: directory, or set parents: true"
                )
            parent.mkdir(parents=True)


def _take_back(written: Sequence[Change]) -> None:
    """Restore in the opposite order, so that a folder goes after its files."""
    for change in reversed(written):
        if change.found.kind != "directory" or Path(change.entry.path).is_dir():
            restore(change.found)
