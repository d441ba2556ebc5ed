# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ends what somebody has running on a host: sessions, programs left behind in them, and what they have begun as root.

A program belongs to somebody by its user, by the login that the kernel keeps (loginuid, proc(5)), or because a program of theirs has begun
it. It is asked to end first: a deployment takes back what it has begun. Last of all go the parts of sshd that are root and hold the
connections: each ends with its session, once PAM has closed it, which may ask who does not answer.
"""

from __future__ import annotations

import os
import pwd
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..core.process import CommandError, run

PROC = Path("/proc")
STAMPS = Path("/run/sudo/ts")  # who has told sudo the password lately
ASKED = 5.0  # seconds that programs have to end by themselves
LONGEST = 15.0  # seconds until all have to be gone


class SessionError(OSError):
    """Something of somebody who has left still runs."""


@dataclass(frozen=True)
class Process:
    """One process: its parent, the users that it acts as, whose login began it, and what it calls itself."""

    pid: int
    parent: int
    uids: frozenset[int]
    login: int
    title: str = ""


def processes(proc: Path = PROC) -> dict[int, Process]:
    """All that run."""
    known = {}
    for folder in proc.iterdir():
        if folder.name.isdigit():
            with suppress(OSError, ValueError, KeyError):
                known[int(folder.name)] = _process(folder)
    return known


def _process(folder: Path) -> Process:
    fields = dict(line.partition(":")[::2] for line in (folder / "status").read_text(errors="replace").splitlines())
    if fields["State"].split()[0] == "Z":
        raise KeyError("ended")  # nobody has asked for its status yet
    login = -1
    with suppress(OSError, ValueError):
        login = int((folder / "loginuid").read_text())
    title = (folder / "cmdline").read_bytes().rstrip(b"\0").decode(errors="replace")
    return Process(int(folder.name), int(fields["PPid"]), frozenset(map(int, fields["Uid"].split())), login, title)


def of_user(uid: int, known: Mapping[int, Process], spared: frozenset[int] = frozenset()) -> set[int]:
    """The processes of a user, with what they have begun."""
    own = {process.pid for process in known.values() if uid in process.uids or process.login == uid}
    while more := {process.pid for process in known.values() if process.parent in own} - own:
        own |= more
    return own - spared - {1}


def connections(name: str, known: Mapping[int, Process]) -> set[int]:
    """The parts of sshd that hold the connections of somebody, as root (sshd-session since OpenSSH 9.8)."""
    titles = {f"sshd: {name} [priv]", f"sshd-session: {name} [priv]"}
    return {process.pid for process in known.values() if process.uids == {0} and process.title in titles}


def _ancestors(known: Mapping[int, Process]) -> frozenset[int]:
    """This process, and those that it comes from: who ends others does not end itself."""
    found, pid = set(), os.getpid()
    while pid in known and pid not in found:
        found.add(pid)
        pid = known[pid].parent
    return frozenset(found)


def running(name: str) -> int:
    """How many processes of somebody run."""
    try:
        uid = pwd.getpwnam(name).pw_uid
    except KeyError:
        return 0
    known = processes()
    return len(of_user(uid, known, _ancestors(known)))


def end(name: str, sleep: Callable[[float], None] = time.sleep) -> int:
    """End all that somebody has running; how many processes that were.

    :raises SessionError: some do not end.
    """
    try:
        uid = pwd.getpwnam(name).pw_uid
    except KeyError:
        return 0
    if uid == 0:
        raise SessionError("root has no sessions that could be ended")
    (STAMPS / name).unlink(missing_ok=True)
    (STAMPS / str(uid)).unlink(missing_ok=True)
    known = processes()
    spared = _ancestors(known)
    first = _signalled(of_user(uid, known, spared), signal.SIGTERM)
    began = time.monotonic()
    while left := _left(name, uid, spared):
        lasted = time.monotonic() - began
        if lasted > LONGEST:
            raise SessionError(f"{len(left)} processes of {name} do not end: {', '.join(map(str, sorted(left)[:10]))}")
        if lasted > ASKED:
            _signalled(left, signal.SIGKILL)
        sleep(0.1)
    if first:
        # What systemd keeps for the user: a manager that lingers, and the scopes of the sessions.
        for argv in (["loginctl", "disable-linger", name], ["loginctl", "terminate-user", name]):
            with suppress(CommandError):
                run(argv, check=False, timeout=30)
    return len(first)


def _left(name: str, uid: int, spared: frozenset[int]) -> set[int]:
    known = processes()
    return of_user(uid, known, spared) or connections(name, known) - spared


def _signalled(pids: set[int], number: signal.Signals) -> set[int]:
    for pid in sorted(pids, reverse=True):
        with suppress(ProcessLookupError):
            os.kill(pid, number)
    return pids
