# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Execution of one delivery: the images of an entry become a release by the rollout engine, and the entry says what came of it.

It is a process of its own, with the lock of the stack's deliveries: the kernel tells whether it is alive. One that was killed is begun
again with the same attempt, and the rollout engine finishes or takes back what it finds; one whose rollout had ended is written down as it
ended, and not done again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ..backup import settings as backup_settings
from ..contracts.delivery import DeliverySettings
from ..core.journal import Level, log
from ..core.locks import LockBusy, LockHeld, file_lock
from ..core.masking import clean
from ..core.process import CommandError
from ..release import delivered
from ..release.journal import LIVE, PARTLY_TAKEN_BACK, TAKEN_BACK, Journal
from ..release.pinning import with_images
from ..release.store import Store
from ..rollout.deployment import EXPECTED, Deployment
from ..rollout.request import DeployFailed, Order
from ..slo import settings as slo_settings
from . import rules
from .entry import Entry, State
from .queue import Queue
from .rules import Decision, Live

BUSY = 15.0  # seconds after which a stack that somebody else works on is tried again
PATIENCE = 6 * 3600.0  # seconds for which it is
FIRST, LONGEST = 10.0, 120.0  # seconds between two looks for an image that is not there yet
MOST_STARTS = 5  # of one entry: whatever kills it each time is told, and not tried for ever


@dataclass(frozen=True)
class Result:
    """What came of an entry.

    :param missing: its image is not there yet.
    """

    state: State
    reason: str = ""
    not_before: float = 0.0
    missing: bool = False


@dataclass
class Host:
    """What an execution asks of the host; tests play it.

    :param deploy: brings images about; returns the id of the release.
    :param lacking: the first image that its registry does not have yet, empty for none.
    """

    settings: Callable[[str], DeliverySettings | None]
    deploy: Callable[[Entry, DeliverySettings], str]
    lacking: Callable[[Entry], str]
    judge: Callable[..., rules.Verdict] = rules.judge
    clock: Callable[[], float] = field(default=time.time)


def live(stack: str) -> Live:
    """What runs of a stack, as its live release says."""
    release = Store(stack).live()
    return Live(dict(release.images)) if release else Live()


def carry_out(queue: Queue, identity: str, host: Host) -> Entry:
    """Carry out an entry that is begun; anything else is left as it is.

    :raises LockBusy: another process carries out one of this stack.
    """
    entry = queue.find(identity)
    with file_lock(queue.running_lock(entry.stack), timeout=0, mode=0o600):
        entry = queue.find(identity)
        if entry.state is not State.RUNNING:
            return entry
        result = ended_before(entry) or _judged(entry, host) or _deployed(entry, host)
        return conclude(queue, entry.id, result, host.clock())


def conclude(queue: Queue, identity: str, result: Result, now: float) -> Entry:
    """Write down what came of an entry."""
    with queue.locked():
        entry = queue.find(identity)
        store = Store(entry.stack)
        release = store.live()
        entry.tries += int(result.missing)
        entry.starts = 0 if result.state is State.WAITING else entry.starts  # it ended by itself, and was not killed
        entry.state, entry.reason, entry.not_before = result.state, clean(result.reason, 2000), result.not_before
        if release:
            entry.live = describe(release.images, entry)
        if result.state is State.SUCCEEDED and release:
            entry.release = release.id
            delivered.record(entry.stack, brought(entry), release.images)
        queue.save(entry, now)
    level = Level.INFO if entry.state in (State.SUCCEEDED, State.WAITING) else Level.WARNING
    log(f"delivery: {entry.stack}: {entry.title}: {entry.state.value}" + (f": {entry.reason}" if entry.reason else ""), level)
    return entry


def brought(entry: Entry) -> delivered.Delivered:
    """What an entry has brought, for whoever runs site.yml next."""
    request = entry.request
    return delivered.Delivered(
        images=entry.images,
        release=entry.release,
        ref=request.ref,
        commit=request.commit,
        repository=request.repository,
        who=request.who,
        approved_by=tuple(given.who for given in entry.approvals),
        delivery=entry.id,
    )


def describe(images: Mapping[str, str], entry: Entry) -> str:
    """What runs of the services that an entry is about, for a person: their tags, once where all have the same."""
    tags = {service: _shown(images[service]) for service in entry.images if service in images}
    if len(set(tags.values())) == 1:
        return next(iter(tags.values()))
    return ", ".join(f"{service} {tag}" for service, tag in tags.items())


def _shown(reference: str) -> str:
    name, _at, digest = reference.partition("@")
    tag = name.rpartition(":")[2] if ":" in name.rpartition("/")[2] else ""
    return tag or digest.removeprefix("sha256:")[:12] or reference.removeprefix("sha256:")[:12]


def ended_before(entry: Entry) -> Result | None:
    """How its rollout ended, where a run that was killed had come to its end."""
    journal = Journal(entry.stack)
    if journal.underway() is not None:
        return None  # whoever goes on with it decides
    return {
        LIVE: Result(State.SUCCEEDED),
        TAKEN_BACK: Result(State.ROLLED_BACK, _why(entry)),
        PARTLY_TAKEN_BACK: Result(State.FAILED, _why(entry)),
    }.get(journal.ending(entry.attempt))


def _why(entry: Entry) -> str:
    """The reason in the journal for which its rollout was taken back."""
    lines = [line for line in Journal(entry.stack).read(1000) if line.get("attempt") == entry.attempt and line.get("reason")]
    return str(lines[-1]["reason"]).partition("\n")[0] if lines else "no reason was written down"


def _judged(entry: Entry, host: Host) -> Result | None:
    """What the rules say now, and whether the images are there; None where nothing stands against it."""
    settings = host.settings(entry.stack)
    if settings is None:
        return Result(State.REFUSED, f"{entry.stack} has no delivery on this host any more")
    if entry.starts > MOST_STARTS:
        return Result(State.FAILED, f"it was killed {entry.starts - 1} times while it was carried out: `opsctl releases`, journalctl")
    if Journal(entry.stack).underway() is not None and entry.starts > 1:
        return None  # its own rollout, or one that is taken back first: the rollout engine knows
    verdict = host.judge(settings, entry.request, live(entry.stack), host.clock(), approved=True)
    if verdict.decision is Decision.HOLD:
        return Result(State.WAITING, verdict.reason, verdict.until)
    if verdict.decision is not Decision.CARRY_OUT:
        return Result(State.REFUSED, verdict.reason)
    if dict(verdict.images) != entry.images:
        return Result(State.REFUSED, "the rules make other images of it than when it came and was approved: bring it again")
    return _missing(entry, settings, host)


def _missing(entry: Entry, settings: DeliverySettings, host: Host) -> Result | None:
    """A push is told before its image is built: that is waited for, less and less often."""
    missing, now = host.lacking(entry), host.clock()
    if not missing:
        return None
    if now - entry.created >= settings.image_timeout:
        return Result(State.REFUSED, f"{missing} is not in its registry, or this host may not have it")
    return Result(State.WAITING, f"{missing} is not there yet", now + min(LONGEST, FIRST * 2 ** min(entry.tries, 8)), missing=True)


def _deployed(entry: Entry, host: Host) -> Result:
    settings = host.settings(entry.stack)
    if settings is None:
        return Result(State.REFUSED, f"{entry.stack} has no delivery on this host any more")
    try:
        host.deploy(entry, settings)
    except (LockHeld, LockBusy) as error:
        if host.clock() - entry.created < PATIENCE:
            return Result(State.WAITING, str(error), host.clock() + BUSY)
        return Result(State.REFUSED, str(error))
    except EXPECTED as error:
        return _failed(entry, error)
    return Result(State.SUCCEEDED)


def _failed(entry: Entry, error: Exception) -> Result:
    """By the journal, which knows whether anything was changed; the sentence is for people."""
    reason = str(error).partition("\n")[0]
    ending = Journal(entry.stack).ending(entry.attempt)
    if ending == TAKEN_BACK:
        return Result(State.ROLLED_BACK, reason)
    if ending == PARTLY_TAKEN_BACK or Journal(entry.stack).underway() is not None:
        return Result(State.FAILED, reason)
    return Result(State.REFUSED, reason)


def deploy(entry: Entry, settings: DeliverySettings) -> str:
    """The deployment itself: that of `opsctl deploy --image`, by nobody in person.

    :raises DeployFailed: and the other errors of a deployment.
    """
    release = Store(entry.stack).live()
    if release is None:
        raise DeployFailed(f"{entry.stack} has no live release on this host: run site.yml first")
    backups = backup_settings.load(entry.stack).update_max_age if entry.stack in backup_settings.stacks() else 0
    order = Order(
        attempt=entry.attempt,
        automatic=True,
        wait=60.0,
        tell=log,
        slo=slo_settings.load(entry.stack) if settings.budget else None,
        backup_max_age=backups,
    )
    return Deployment(entry.stack, order).deploy(with_images(release, entry.images)).release


def lacking(entry: Entry) -> str:
    """The first image that the engine does not get a digest for; empty where all are there, or nobody can say."""
    from ..containers.client import DockerUnavailable, Engine

    try:
        engine = Engine()
        return next((image for image in entry.images.values() if engine.remote_digest(image) is None and not engine.image(image)), "")
    except (DockerUnavailable, OSError, CommandError):
        return ""
