# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps the upstreams true: follows Docker's events and writes what changed, within a fraction of a second."""

from __future__ import annotations

import time
from collections.abc import Callable

from ..containers.client import DockerUnavailable, Engine
from ..core import paths
from ..core.journal import log
from ..core.locks import LockHeld, stack_lock
from ..core.process import CommandError
from ..core.systemd import notify
from ..hostconfig.transaction import ConfigSetError
from ..metrics import database_places
from ..nginx.sync import ContainerSource, sync
from . import standby

BURST = 0.05  # seconds in which events of one cause arrive together
RETRY = 5  # seconds after which a synchronisation that failed is tried again
EASY = 60  # seconds after which everything is looked at again without any event


def sync_and_tell(engine: ContainerSource) -> bool:
    """One synchronisation; what it changed, or why it could not, goes to the journal. Returns whether it was possible."""
    done = _sync_upstreams(engine)
    place_databases(engine)
    return done


def _sync_upstreams(engine: ContainerSource) -> bool:
    try:
        outcome = sync(engine)
    except (ConfigSetError, CommandError, OSError, ValueError) as error:
        log(f"upstreams: not changed: {error}")
        return False
    for change in outcome.changes:
        log(f"upstreams: {change.entry.path.name} written")
    return True


def place_databases(engine: ContainerSource) -> None:
    """Say where the databases are that exporters measure. A failure is tried again with the next look, and keeps nothing from nginx."""
    try:
        if database_places.follow(engine):
            log("databases: their places written, for exporters")
    except (OSError, ValueError) as error:
        log(f"databases: where they are was not written: {error}")


def retire_due(engine: Engine) -> None:
    """Remove old sets of blue-green updates whose time is up; while somebody works on the stack they wait."""
    for folder in paths.RELEASES.glob("*/warm.json"):
        stack = folder.parent.name
        if not any(warm.due for warm in standby.load(stack).values()):
            continue
        from .rollback import retire  # the whole of a rollout: who has nothing to retire need not carry it

        try:
            with stack_lock(stack, "follower", what="retire"):
                gone = retire(engine, stack, due_only=True)
        except (LockHeld, DockerUnavailable, OSError) as error:
            log(f"retire: not now: {error}")
            continue
        log(f"retire: {', '.join(gone) or 'nothing was left'}")


def follow_engine(engine: Engine, ready: Callable[[], None]) -> None:
    """Follow one engine until its events end: when it stops, after a while, or, after a failed synchronisation, soon."""
    looked_at = time.time()
    done = sync_and_tell(engine)
    ready()
    retire_due(engine)
    for event in engine.events(since=looked_at, until=looked_at + (EASY if done else RETRY)):
        # What happened before the last look was seen by it: a storm of events costs one look, not one each.
        if int(event.get("timeNano", 0)) / 1e9 < looked_at:
            continue
        time.sleep(BURST)
        looked_at = time.time()
        if not sync_and_tell(engine):
            return


def follow() -> None:
    """Run until killed; a dead engine is waited for, and everything is looked at again when it is back."""
    notified = False

    def ready() -> None:
        nonlocal notified
        if not notified:
            notify("READY=1")
            notified = True

    while True:
        try:
            follow_engine(Engine(), ready)
        except (DockerUnavailable, OSError) as error:
            # nginx goes on with what it has.
            log(f"upstreams: waiting for Docker: {error}")
            ready()
            time.sleep(1)
