# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has been made ready takes its place: services stand still, folders are exchanged, services start; or all of it is taken back.

Everything here can be killed at any point: `resume`, or the same call again, brings it to its end.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from ..containers.client import Container, Engine
from ..contracts.backup_settings import Cluster
from ..core.locks import stack_lock
from ..core.process import run
from ..core.progress import Progress
from ..maintenance import windows as maintenance_windows
from ..maintenance.windows import Purpose
from . import replacement, state
from .barman import Barman
from .postgres import Postgres
from .replacement import CONFIRMING, EXCHANGING, PREPARING, UNDOING, Replacement
from .settings import BackupError, Settings
from .verification import workplace

LOCK = 900.0  # seconds to wait for whoever works on the stack
HEALTHY = 600.0  # seconds for a service to be well again
ENDED = 15.0  # seconds in which one that has ended may be started again by its policy, and get on its feet
USE = "restore"  # of the place where it works
TIMELINE = "SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)"  # hexadecimal
RUNS = ("running", "paused", "restarting")


def _begin_window(stack: str, what: str) -> None:
    """No alarms and no healing, even when this process is killed in between: containers that stand still must not be started."""
    if not any(window.scope in ("host", stack) for window in maintenance_windows.load()):
        with suppress(ValueError):  # one that the watchdog does not know
            maintenance_windows.present(stack, f"restore of {what}", "1d", purpose=Purpose.RESTORE)


def _end_window(stack: str) -> None:
    """The one that a restore began, whoever ended it."""
    if any(window.scope == stack and window.purpose == Purpose.RESTORE for window in maintenance_windows.load()):
        maintenance_windows.absent(stack)


def put_in_place(engine: Engine, settings: Settings, noted: Replacement, progress: Progress) -> list[str]:
    """Stop, exchange, start, and wait until it is well; what was begun by a killed call is brought to its end.

    :raises BackupError: it did not get well, and what was there before is in its place again.
    """
    _begin_window(settings.stack, noted.what)
    began = time.monotonic()
    try:
        if noted.phase in (PREPARING, EXCHANGING):
            noted = replacement.save(replace(noted, phase=EXCHANGING))  # from now on something stands still
            _stop(engine, settings, noted, progress)
            noted = replacement.exchange(noted)
        # One that is restored because it does not run any more is to run again.
        restored = {*(cluster.service for cluster in settings.clusters), *(cache.service for cache in settings.caches)}
        _start(engine, settings, noted, progress, lambda container: container.name in noted.running or container.service in restored)
    except Exception as error:  # whatever it is, of Docker or of the disk: halves of two states must not stay
        progress.say(f"!! {error}")
        try:
            _take_back(engine, settings, noted, progress)
        except Exception as second:
            again = f"opsctl restore resume --stack {settings.stack}"
            raise BackupError(f"{error}; and it could not be taken back ({second}): {again}") from error
        raise BackupError(f"{error}; what was there before is in its place again") from error
    _follow(engine, settings, noted, progress)
    replacement.save(replace(noted, starting=False))
    _end_window(settings.stack)
    kept = [step.kept for step in noted.steps]
    return [
        f"{noted.what}: restored; {', '.join(noted.stopped)} stood still for {time.monotonic() - began:.1f} s",
        *(f"what was there before: {path}" for path in kept),
        "when all is as it should be: opsctl restore confirm",
    ]


def containers(engine: Engine, settings: Settings, noted: Replacement) -> list[Container]:
    return [container for container in engine.containers(settings.stack) if container.service in noted.stopped]


def _start(engine: Engine, settings: Settings, noted: Replacement, progress: Progress, wanted: Callable[[Container], bool]) -> None:
    """:raises BackupError: they did not get well."""
    names = [container.name for container in containers(engine, settings, noted) if wanted(container)]

    def those() -> list[Container]:
        return [container for container in containers(engine, settings, noted) if container.name in names]

    for container in those():
        engine.start(container)
        progress.say(f"{container.name}: starts")
    end, patience = time.monotonic() + HEALTHY, time.monotonic() + ENDED
    while waiting := [container for container in those() if not container.serves]:
        ended = [container for container in waiting if container.state in ("exited", "dead", "restarting")]
        if time.monotonic() > (patience if ended else end):
            container = (ended or waiting)[0]
            log = " / ".join(engine.log_tail(container, 5))[-500:]
            raise BackupError(f"{container.name} is {container.state} ({container.health}) after the restore: {log}")
        progress.wait("waiting for " + ", ".join(f"{container.name} ({container.state}, {container.health})" for container in waiting))
        time.sleep(0.5)


def _stop(engine: Engine, settings: Settings, noted: Replacement, progress: Progress) -> None:
    for container in containers(engine, settings, noted):
        if container.state in RUNS:
            progress.say(f"{container.name}: stops")
            engine.api.stop(container.id, timeout=max(container.grace, 60))


def _take_back(engine: Engine, settings: Settings, noted: Replacement, progress: Progress) -> None:
    """What was there before is in its place again, and what ran before runs; the journal goes last, so that a killed one is finished."""
    started = noted.phase != EXCHANGING  # what was restored may have run, and written WAL of its own
    noted = replacement.undoing(noted)
    _stop(engine, settings, noted, progress)
    noted = replacement.put_back(noted)
    try:
        _start(engine, settings, noted, progress, lambda container: container.name in noted.running)
        if started:
            _follow(engine, settings, noted, progress)
    finally:
        _end_window(settings.stack)  # all is where it belongs: who starts and heals it now does no harm
    replacement.discard(noted)


def _follow(engine: Engine, settings: Settings, noted: Replacement, progress: Progress) -> None:
    for cluster in settings.clusters:
        if cluster.service in noted.stopped:
            follow(engine, settings, cluster, progress)


def follow(engine: Engine, settings: Settings, cluster: Cluster, progress: Progress) -> None:
    """The server's history went another way: its WAL is received from there on, and needs a base of its own."""
    state.note(settings.stack, restored=time.time())
    unit = f"latentum-ops-wal@{settings.server(cluster)}.service"
    run(["systemctl", "stop", unit], check=False)
    barman = Barman(settings.server(cluster))
    if barman.folder.is_dir():
        try:
            barman.turn(int(Postgres(engine, settings, cluster).sql(TIMELINE), 16))
        except (BackupError, OSError, ValueError) as error:
            progress.say(f"!! {error}")
    run(["systemctl", "start", unit], check=False)
    plan = next((f".{plan.name}" for plan in settings.plans if "databases" in plan.takes), "")
    run(["systemctl", "start", "--no-block", f"latentum-ops-backup@{settings.stack}{plan}.service"], check=False)


def pending(stack: str) -> None:
    """:raises BackupError: another restore has not come to its end, or is not confirmed."""
    known = replacement.load(stack)
    if known is None:
        return
    if known.waits:
        raise BackupError(f"the restore of {known.what} waits: opsctl restore confirm, or opsctl restore undo (--stack {stack})")
    raise BackupError(f"the restore of {known.what} was interrupted: opsctl restore resume --stack {stack}")


@contextmanager
def _alone(stack: str, verb: str) -> Iterator[Replacement | None]:
    """The journal, under the lock of the stack; None when there is none, or whoever was waited for has ended it."""
    known = replacement.load(stack)
    if known is None:
        yield None
        return
    with stack_lock(stack, "restore", LOCK, what=f"{verb} the restore of {known.what}"):
        yield replacement.load(stack)


def resume(engine: Engine, settings: Settings, progress: Progress) -> list[str]:
    """Bring what was interrupted to a safe end: a restore before its exchange is dropped, everything else is finished."""
    with _alone(settings.stack, "resumes") as known:
        if known is None:
            return ["no restore was interrupted"]
        if known.phase == PREPARING:
            with workplace(engine, settings.stack, need=0, use=USE):  # which removes what was left in it
                replacement.discard(known)
            _end_window(settings.stack)
            return [f"the restore of {known.what} was interrupted before anything was replaced: begin it anew"]
        if known.phase == UNDOING:
            return _undo(engine, settings, known, progress)
        if known.phase == CONFIRMING:
            return _confirm(known)
        if not known.waits:
            return put_in_place(engine, settings, known, progress)
        _end_window(settings.stack)
        return [f"{known.what}: restored; confirm or undo it"]


def undo(engine: Engine, settings: Settings, progress: Progress) -> list[str]:
    """Put back what a restore replaced."""
    with _alone(settings.stack, "undoes") as known:
        if known is None:
            raise BackupError(f"no restore of {settings.stack} can be undone: none is unconfirmed")
        return _undo(engine, settings, known, progress)


def _undo(engine: Engine, settings: Settings, known: Replacement, progress: Progress) -> list[str]:
    if known.phase == PREPARING:
        replacement.discard(known)  # nothing stood still
    else:
        replacement.undoing(known)
        _begin_window(settings.stack, known.what)
        _take_back(engine, settings, known, progress)
    _end_window(settings.stack)
    return [f"{known.what}: as it was before the restore"]


def confirm(settings: Settings) -> list[str]:
    """Remove what a restore replaced."""
    with _alone(settings.stack, "confirms") as known:
        if known is None:
            raise BackupError(f"no restore of {settings.stack} waits to be confirmed")
        return _confirm(known)


def _confirm(known: Replacement) -> list[str]:
    return [f"removed: {folder}" for folder in replacement.confirm(known)] or ["nothing was kept"]
