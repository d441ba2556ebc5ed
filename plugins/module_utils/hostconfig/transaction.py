# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A set of files as one transaction: all of it is valid and active, or none of it was ever there."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..core.process import CommandError, run
from . import revert_timer
from .entries import Change, Entry, EntryError, PathState, compare, find, order, purged, restore, write

Argv = Sequence[str]


class ConfigSetError(Exception):
    """The set was refused by its checker or could not be activated; the old files are back."""


@dataclass(frozen=True)
class ConfigSet:
    """What belongs together.

    :param name: names the set in messages and its revert timer.
    :param purge: ``directory``, ``pattern`` and ``recursive``: files that match and are no entry are removed.
    :param kept: files that are not removed although they match.
    :param validate: commands that must succeed with the new files in place (``nginx -t``).
    :param activate: commands that make a running service use them (``systemctl reload nginx``).
    :param activate_unit: activate only while this systemd unit is active.
    :param revert_after: seconds until the change takes itself back unless confirmed; 0 for never.
    :param parents: make missing parent folders (0755, root) instead of refusing.
    :param journal: keep what is replaced on disk until the end, so that the next run takes back what a killed one left half done.
    :param touched: files that activating writes as well; put back after it where the change is taken back.
    :param recorded: files that say whose the entries are: written with them, and no change for themselves.
    """

    name: str
    entries: Sequence[Entry]
    purge: Sequence[Mapping[str, Any]] = ()
    kept: Collection[Path] = ()
    validate: Sequence[Argv] = ()
    activate: Sequence[Argv] = ()
    activate_unit: str = ""
    revert_after: int = 0
    parents: bool = False
    journal: bool = False
    touched: Sequence[Path] = ()
    recorded: Sequence[Entry] = ()

    @property
    def guarded(self) -> bool:
        """What is replaced is kept on disk until the change is known to be good."""
        return self.journal or self.revert_after > 0


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
    """Bring the set about. One that is guarded is brought about by one run at a time.

    :raises EntryError: an entry cannot be carried out; nothing was changed.
    :raises ConfigSetError: the checker refused, or activating failed; every old file is back and active.
    """
    with revert_timer.locked(wanted.name) if wanted.guarded and not check_mode else nullcontext():
        return _apply(wanted, check_mode)


def _apply(wanted: ConfigSet, check_mode: bool) -> Outcome:
    outcome = Outcome(_compared(wanted))
    outcome.armed = wanted.revert_after > 0 and revert_timer.armed(wanted.name)
    left_behind = wanted.guarded and not outcome.armed and revert_timer.left_behind(wanted.name)
    if check_mode:
        return outcome
    if not (outcome.changes or left_behind):
        for change in _changes(wanted.recorded):
            write(change.entry)
        return outcome
    if left_behind or (outcome.armed and not revert_timer.await_confirmation(wanted.name)):
        # Never confirmed, or a run died on the way: what was replaced is the last state known to be good.
        revert_timer.revert_now(wanted.name)
        outcome = Outcome(_compared(wanted))
        if not outcome.changes:
            return outcome
    changes = [*outcome.changes, *_changes(wanted.recorded)]
    _require_parents(changes)
    activate = wanted.activate if not wanted.activate_unit or _active(wanted.activate_unit) else ()
    replaced = [change.before for change in reversed(changes)]
    touched = [find(path) for path in wanted.touched]
    if wanted.guarded:
        revert_timer.keep(wanted.name, replaced, activate, touched)
    _carry_out(wanted, changes, activate, touched)
    outcome.armed = wanted.revert_after > 0 and bool(activate)
    if wanted.guarded and not outcome.armed:
        revert_timer.disarm(wanted.name)
    return outcome


def _carry_out(wanted: ConfigSet, changes: Sequence[Change], activate: Sequence[Argv], touched: Sequence[PathState]) -> None:
    """Write, validate and activate; after a failure every old file is back and active."""
    written: list[Change] = []
    activating = False
    try:
        for change in changes:
            written.append(change)
            write(change.entry)
        for argv in wanted.validate:
            run(argv, timeout=120)
        if activate and wanted.revert_after:
            revert_timer.start_timer(wanted.name, wanted.revert_after)
        activating = True
        for argv in activate:
            run(argv, timeout=300)
    except BaseException as error:
        lost = _take_back(change.before for change in reversed(written))
        if activating:
            for argv in activate:
                run(argv, timeout=300, check=False)
            lost += _take_back(touched)
        if wanted.guarded and not lost:
            revert_timer.disarm(wanted.name)
        if not isinstance(error, CommandError | OSError):
            raise
        what = "could not be activated" if activating else "refused"
        state = "the old files are back" if not lost else f"these old files could not be put back: {'; '.join(lost)}"
        raise ConfigSetError(f"{wanted.name}: {what}, and {state}: {error}") from error


def confirm(name: str, *, check_mode: bool = False) -> bool:
    """Keep the change of this name; returns whether one was waiting."""
    revert_timer.require_name(name)
    return revert_timer.armed(name) and (check_mode or revert_timer.disarm(name))


def _changes(entries: Sequence[Entry]) -> list[Change]:
    return [change for entry in sorted(entries, key=order) if (change := compare(entry))]


def _compared(wanted: ConfigSet) -> list[Change]:
    """What differs from the host, parents that have to be made included, in the order of writing."""
    changes = _changes([*wanted.entries, *purged(wanted.purge, {*wanted.kept, *(entry.path for entry in wanted.entries)})])
    coming = {change.entry.path for change in changes if change.entry.state == "directory"}
    needed = {
        parent
        for change in changes
        if change.entry.state == "directory" or (wanted.parents and change.entry.state != "absent")
        for parent in change.entry.path.parents
        if parent not in coming and not parent.exists()
    }
    return [Change(made, PathState(path, "absent")) for path in sorted(needed) if (made := Entry(path, "directory", mode=0o755))] + changes


def _active(unit: str) -> bool:
    return run(["systemctl", "is-active", "--quiet", unit], check=False).rc == 0


def _require_parents(changes: Sequence[Change]) -> None:
    """Refuse a file without a folder before anything is written."""
    coming = {change.entry.path for change in changes if change.entry.state == "directory"}
    for change in changes:
        parent = change.entry.path.parent
        if change.entry.state in {"file", "link"} and not parent.is_dir() and parent not in coming:
            raise EntryError(
                f"files: the folder of {change.entry.path} does not exist: list it with state: directory, or set parents: true"
            )


def _take_back(states: Iterable[PathState]) -> list[str]:
    """Restore in this order, a folder after its files; returns what went wrong."""
    lost = []
    for before in states:
        try:
            restore(before)
        except OSError as error:
            lost.append(f"{before.path} ({error.strerror})")
    return lost
