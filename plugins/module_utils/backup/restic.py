# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One target: an encrypted restic repository on a folder, S3, SFTP, a REST server, or whatever else restic reaches.

Whatever only reads takes no lock: it works while another backup runs, with credentials that may only read, and on a target that is full.
"""

from __future__ import annotations

import tempfile
import time as clock
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import IO

from ..contracts.backup_settings import Target
from .restic_access import CACHE, KNOWN_HOSTS, Access
from .restic_errors import (
    Absent,
    Damaged,
    Denied,
    Full,
    Locked,
    Missing,
    Overdue,
    TargetError,
    Unreachable,
    Unread,
    Untrusted,
    WrongKey,
    kind_of,
)
from .restic_process import GRACE, Item, Transcript, run
from .restic_results import Entry, Listener, Restored, Snapshot, Tell, entry_from, pick, sizes, snapshot_from, written_at

__all__ = [
    "Absent", "Damaged", "Denied", "Entry", "Full", "Locked", "Missing", "Overdue", "Repository", "Restored", "Snapshot", "TargetError",
    "Unreachable", "Unread", "Untrusted", "WrongKey", "pick",
]  # fmt: skip

SHORT, LONG, VERY_LONG = 300.0, 6 * 3600.0, 24 * 3600.0  # seconds, deadlines
# Seconds of failing requests, one after another, that an operation bears. A backup goes on at its next run from where it was, and other
# targets wait for it; what else is long bears restic's own quarter of an hour.
PATIENCE, WRITING, PATIENT = 60.0, 300.0, float("inf")
KEPT = ("last", "hourly", "daily", "weekly", "monthly", "yearly")


class Repository:
    """The repository of one target."""

    def __init__(self, target: Target, *, program: str = "restic", cache: Path = CACHE, known_hosts: Path = KNOWN_HOSTS) -> None:
        self.name: str = target.name
        self.append_only = target.append_only
        self._access = Access(target, program, cache, known_hosts)

    # -- is it there -----------------------------------------------------------------------------------------------------

    def reachable(self, timeout: float = 20.0) -> str:
        """Ask for the repository's own description; ``present`` or ``absent`` (reached, and no repository is there).

        :raises Unreachable: nobody answered in time. Other kinds: see TargetError.
        """
        try:
            self._run("cat", "config", deadline=timeout, grace=1.0)
        except Absent:
            return "absent"
        except Overdue as error:
            raise Unreachable(self.name, f"no answer within {timeout:.0f} s") from error
        return "present"

    def ensure(self) -> str:
        """Make the repository unless there is one: ``created`` or ``present``."""
        if self.reachable(SHORT) == "present":
            return "present"
        try:
            self._run("init", deadline=SHORT)
        except TargetError as error:
            if "already" not in error.reason:
                raise
            # Another host was quicker, or its description is lost while keys or snapshots are left.
            if self.reachable(SHORT) == "absent":
                raise Damaged(self.name, f"there is something, but no file `config` in it; {error.reason}") from error
            return "present"
        return "created"

    # -- write -----------------------------------------------------------------------------------------------------------

    def backup(
        self,
        paths: Sequence[str | Path],
        tags: Sequence[str],
        *,
        host: str,
        exclude: Sequence[str] = (),
        time: float | None = None,
        tell: Tell | None = None,
        deadline: float = VERY_LONG,
    ) -> Snapshot:
        """Write a snapshot of these files and folders.

        :param time: epoch seconds of what it holds; now unless given. Stored in whole seconds.
        :param tell: called with percent and bytes, about every second.
        :raises Unread: not everything could be read; what could is in the snapshot.
        """
        options = [f"--host={host}", *(f"--tag={tag}" for tag in tags), *(f"--exclude={pattern}" for pattern in exclude)]
        if time is not None:
            options.append(f"--time={clock.strftime('%Y-%m-%d %H:%M:%S', clock.gmtime(time))}")
        if tell is None:
            options.append("--no-scan")
        heard = Listener(tell)
        argv = ["backup", *options, "--", *map(str, paths)]
        try:
            output = self._run(*argv, lock=True, deadline=deadline, patience=WRITING, tell=tell, listen=heard, allowed=(0, 3))
        except TargetError as error:
            if "all source directories/files" not in error.reason:
                raise
            raise Unread(self.name, dict.fromkeys(map(str, paths), "does not exist"), "") from error
        snapshot = str(heard.value("snapshot_id") or "")
        doubts = [why for why in output.unread.values() if kind_of(why) is Damaged]
        if doubts:  # restic could not read what it compares with, and counts that among the files
            raise Damaged(self.name, doubts[0])
        if output.unread or output.status == 3:
            raise Unread(self.name, output.unread or dict.fromkeys(map(str, paths), output.final), snapshot)
        at = float(int(time)) if time is not None else written_at(heard.value("backup_start"))
        return Snapshot(snapshot, at, tuple(tags), tuple(map(str, paths)), host, **sizes(heard.summary or {}))

    def forget(
        self, retention: Mapping[str, int], *, protect: Collection[str] = (), tags: Sequence[str] = (), spare: str = ""
    ) -> list[str]:
        """Remove the snapshots that no rule keeps, by groups of the same tags; returns their ids. Their data stays until `prune`.

        Never on an append-only target, which must do so itself, nor without any rule: then nothing is removed.

        :param retention: by last, hourly, daily, weekly, monthly, yearly, how many are kept.
        :param protect: ids, or their beginnings, that stay whatever the rules say.
        :param tags: only snapshots that have all of these.
        :param spare: none that has a tag which begins so.
        """
        rules = [f"--keep-{name}={retention[name]}" for name in KEPT if retention.get(name, 0) > 0]
        if self.append_only or not rules:
            return []
        groups = self._run("forget", "--dry-run", "--group-by=tags", *_tagged(tags), *rules, deadline=SHORT).document() or []
        removed = [snapshot for group in groups for snapshot in group.get("remove") or []]
        if spare:
            removed = [snapshot for snapshot in removed if not any(tag.startswith(spare) for tag in snapshot.get("tags") or ())]
        doomed = [str(snapshot["id"]) for snapshot in removed]
        doomed = [snapshot for snapshot in doomed if not snapshot.startswith(tuple(mark for mark in protect if mark) or "none")]
        if doomed:
            output = self._run("forget", *doomed, lock=True, deadline=3 * SHORT, patience=PATIENT, allowed=(0, 3))
            # restic 0.18 ends with 0 when the target refuses.
            if any("unable to remove" in word for word in output.words):
                raise Denied(
                    self.name, " … ".join(output.words[-2:]), advice="allow its credentials to remove, or declare it `append_only`"
                )
        return doomed

    def prune(self, deadline: float = LONG) -> bool:
        """Free the room of what was forgotten; False on an append-only target, where nothing is done. Nobody can write meanwhile."""
        if self.append_only:
            return False
        self._run("prune", lock=True, deadline=deadline, patience=PATIENT)
        return True

    def unlock_stale(self) -> None:
        """Remove the locks of processes that are gone: dead ones of this host, and what nobody has renewed for half an hour."""
        self._run("unlock", deadline=SHORT)

    # -- read ------------------------------------------------------------------------------------------------------------

    def snapshots(self, tags: Sequence[str] = (), host: str = "") -> list[Snapshot]:
        """Those that have all these tags (and this host), oldest first.

        :raises Damaged: some cannot be read; the others are its `readable`.
        """
        of_host = [f"--host={host}"] if host else []
        output = self._run("snapshots", *_tagged(tags), *of_host, deadline=SHORT)
        snapshots = sorted((snapshot_from(snapshot) for snapshot in output.document() or []), key=lambda snapshot: snapshot.time)
        # restic leaves out what it cannot read, and ends with 0. What is not there any more was forgotten meanwhile.
        lost = [word for word in output.words if word.startswith("Ignoring ") and "invalid data" in word]
        if lost:
            error = Damaged(self.name, "; ".join(lost[:3]))
            error.readable = tuple(snapshots)
            raise error
        return snapshots

    def ls(self, snapshot: str, path: str = "/", *, recursive: bool = False) -> list[Entry]:
        """What is in a folder of a snapshot, or below it."""
        entries: list[Entry] = []

        def listen(item: Item) -> None:
            if item.get("message_type", item.get("struct_type")) == "node" and item["path"] != path.rstrip("/"):
                entries.append(entry_from(item))

        self._run("ls", *(["--recursive"] if recursive else []), snapshot, path, deadline=LONG, listen=listen)
        return entries

    def restore(
        self,
        snapshot: str,
        folder: str | Path,
        *,
        include: Sequence[str] = (),
        verify: bool = True,
        subpath: str = "",
        tell: Tell | None = None,
        deadline: float = VERY_LONG,
    ) -> Restored:
        """Bring files back below a folder, sparse ones as such. What is there already with the same content is left: a proof needs none.

        :param include: patterns; only what matches one. Nothing does: an error.
        :param subpath: a folder of the snapshot, whose content comes to `folder` itself.
        :param verify: read everything back from the disk and compare.
        """
        options = [f"--target={folder}", *(f"--include={pattern}" for pattern in include), *(["--verify"] if verify else [])]
        heard, began = Listener(tell), clock.monotonic()
        source = f"{snapshot}:{subpath}" if subpath else snapshot

        def bring(*more: str) -> None:
            self._run("restore", *options, *more, source, deadline=deadline, patience=PATIENT, tell=tell, listen=heard)

        try:
            try:
                bring("--sparse")
            except TargetError as error:
                if "unknown flag" not in error.reason:  # restic before 0.15
                    raise
                bring()
        except Full as error:
            raise TargetError(self.name, error.reason, what=f"has more than fits into {folder}", advice="make room on this host") from error
        # What is there already is not among the files of the total.
        if include and not heard.value("total_files") and not heard.value("files_skipped"):
            what = f"has nothing in snapshot {snapshot[:8]} that matches {', '.join(include)}"
            raise Missing(self.name, "", what=what)
        files, skipped = int(heard.value("files_restored")), int(heard.value("files_skipped"))
        return Restored(files, int(heard.value("bytes_restored")), skipped, clock.monotonic() - began)

    def dump(self, snapshot: str, path: str, file: IO[bytes], deadline: float = VERY_LONG) -> None:
        """Write one file of a snapshot into an open file (with a descriptor), or a folder as a tar archive."""
        self._run("dump", snapshot, path, deadline=deadline, patience=PATIENT, output=file)

    def check(self, part: int, parts: int, deadline: float = LONG) -> None:
        """Is the structure whole, and the data of one part of so many as it was written?

        Without a lock first, because backups go on meanwhile; only what is found damaged is asked again with all others locked out, since
        somebody may just have removed it.

        :raises Damaged: it is not.
        """
        argv = ["check", f"--read-data-subset={part}/{parts}"]
        try:
            self._run(*argv, deadline=deadline, patience=PATIENT)
        except Damaged as first:
            try:
                self._run(*argv, lock=True, deadline=deadline, patience=PATIENT)
            except (Locked, Denied, Full) as second:
                raise first from second

    # -- how -------------------------------------------------------------------------------------------------------------

    def _run(
        self,
        *argv: str,
        deadline: float,
        patience: float = PATIENCE,
        lock: bool = False,
        tell: Tell | None = None,
        listen: Callable[[Item], None] | None = None,
        output: IO[bytes] | None = None,
        allowed: Sequence[int] = (0,),
        grace: float = GRACE,
    ) -> Transcript:
        """One run of restic; `lock`: it writes, so others must know."""
        # Lines of progress a second: without this restic writes sixty.
        environment = {**self._access.environment(), "RESTIC_PROGRESS_FPS": "1" if tell else "0.01"}
        with tempfile.TemporaryDirectory(prefix="restic-") if self._access.by_ssh else nullcontext() as folder:
            log = f"{folder}/ssh.log" if folder else ""
            return run(
                self.name,
                [*self._access.command(lock=lock, ssh_log=log), *argv],
                env=environment,
                secrets=self._access.secrets(),
                deadline=deadline,
                patience=patience,
                listen=listen,
                output=output,
                allowed=allowed,
                grace=grace,
                log=log,
            )


def _tagged(tags: Sequence[str]) -> list[str]:
    return [f"--tag={','.join(tags)}"] if tags else []
