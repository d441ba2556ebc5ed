# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One update of this host: apt's part of it, then the services that use what was replaced. The host is out of traffic meanwhile.

Locks of all stacks are held, so that nobody deploys, backs up or heals what is being changed; the watchdog waits for them, too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..advisories import debsecan, package_lists
from ..advisories.debsecan import AdvisoriesUnavailable
from ..advisories.package_lists import Package
from ..core.locks import LockBusy, file_lock, stack_lock
from ..core.process import CommandError, follow, run
from ..hostconfig import apt
from ..release.stacks import stacks
from . import condition, kept_files, reboot, record, replaced_files, upgrades
from .obstacle import PatchError
from .record import Phase, Update
from .request import Settings
from .upgrades import Plan

LOCK = Path("/run/latentum-ops-patch.lock")
TIMEOUT = 3600.0  # seconds of apt
# Beside what `hostconfig/apt` sets: programs that would show a page, or ask, while they are called by apt.
ENVIRONMENT: Mapping[str, str] = {
    **apt.ENVIRONMENT,
    "DEBIAN_PRIORITY": "critical",
    "APT_LISTCHANGES_FRONTEND": "none",
    "APT_LISTBUGS_FRONTEND": "none",
    "UCF_FORCE_CONFFOLD": "1",
}
Say = Callable[[str], None]


@dataclass
class Clock:
    """How long each step took."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """The time of a block."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = round(self.seconds.get(name, 0.0) + time.monotonic() - began, 1)


def carry_out(settings: Settings, say: Say, exemption: str = "") -> Update:
    """Update the packages of this host, and restart what uses what was replaced.

    :param say: told what happens.
    :param exemption: why it is done although an error budget is nearly spent.
    :raises PatchError: it stopped; the record says where.
    :raises LockHeld: somebody works on a stack.
    """
    with ExitStack() as held:
        try:
            held.enter_context(file_lock(LOCK, timeout=settings.lock_timeout))
        except LockBusy as busy:
            raise PatchError(f"another run updates this host ({busy}): wait for its end") from None
        for stack in stacks():
            held.enter_context(stack_lock(str(stack["name"]), "patch", settings.lock_timeout, what="updates of the host"))
        return _locked(settings, say, exemption)


def _locked(settings: Settings, say: Say, exemption: str) -> Update:
    clock, update = Clock(), record.begin(settings.scope.value, exemption)
    before, files, services = package_lists.of_host(), kept_files.beside(), replaced_files.active()
    plan = Plan()
    try:
        _repair(settings, say, clock)
        plan = upgrades.look(settings)
        if plan.names:
            say(f"installs {len(plan.upgrades)} packages")
            with clock.step("packages"):
                _install(plan.names, settings, say)
        elif not update.changes:
            say("no package is to be updated")
        if left := condition.broken():
            raise PatchError(f"after the update dpkg says of {', '.join(left)} that they are not whole: look at `dpkg --audit`")
    except CommandError as error:
        raise PatchError(_why(error)) from error
    finally:
        # What was changed is known whatever came of it.
        changes, unknown = _changes(before, package_lists.of_host(), settings, plan)
        update = record.keep(
            replace(
                update,
                changes=together(update.changes, changes),
                kept=tuple(sorted({*update.kept, *kept_files.kept(files, kept_files.beside())})),
                advisories=unknown,
                seconds={**update.seconds, **clock.seconds},
            )
        )
    return _restart(update, settings, services, say, clock)


def _repair(settings: Settings, say: Say, clock: Clock) -> None:
    if settings.repair and (condition.broken() or any(condition.database(repair=False))):
        say("finishes an update that was interrupted before")
        with clock.step("repair"):
            condition.repair()


def _install(names: Sequence[str], settings: Settings, say: Say) -> None:
    """Upgrade packages: nothing goes, nothing is asked, changed configuration files stay."""
    locks = ["-o", f"DPkg::Lock::Timeout={settings.lock_timeout:.0f}"]
    argv = ["apt-get", "install", "--yes", "--quiet", "--only-upgrade", *apt.OPTIONS, *locks, *apt.HARMLESS, "-o", "Dpkg::Use-Pty=0"]

    def line(text: str) -> None:
        if text.startswith(("Setting up ", "Unpacking ", "E: ", "dpkg: error")):
            say(text)

    follow([*argv, "--no-install-recommends", *names], line, env=ENVIRONMENT, timeout=TIMEOUT)


def _why(error: CommandError) -> str:
    """What stopped apt, with what to do."""
    output = f"{error.stdout}\n{error.stderr}"
    if "Could not get lock" in output:
        return f"another program took apt's lock meanwhile: run again. {error}"
    if "No space left on device" in output:
        return f"a disk ran full: make room, then run again with -e patch_repair=true. {error}"
    if "dpkg was interrupted" in output:
        return f"dpkg was interrupted before: run again with -e patch_repair=true. {error}"
    return f"{error}; look at /var/log/apt/term.log; once it is put right, run again with -e patch_repair=true"


def _changes(before: Sequence[Package], after: Sequence[Package], settings: Settings, plan: Plan) -> tuple[list[dict[str, Any]], str]:
    """The packages whose versions differ, with the vulnerabilities that are gone, and why those are not known."""
    changed = list(differences(before, after))
    security = {upgrade.package for upgrade in plan.upgrades if upgrade.security}
    closed: Mapping[str, Sequence[str]] = {}
    unknown = ""
    if changed:
        try:
            closed = debsecan.fetch(package_lists.distribution_of_host(), settings.advisories_url).closed(before, after)
        except AdvisoriesUnavailable as error:
            unknown = str(error)
    described = [
        {"package": name, "before": old, "after": new, "security": name in security, "closes": list(closed.get(name, ()))}
        for name, old, new in changed
    ]
    return described, unknown


def differences(before: Sequence[Package], after: Sequence[Package]) -> Iterator[tuple[str, str, str]]:
    """Name, old and new version of each package that is not what it was; empty versions for one that came or went."""
    old = {(one.name, one.architecture): one.version for one in before}
    new = {(one.name, one.architecture): one.version for one in after}
    seen = set()
    for key in sorted({*old, *new}):
        change = (key[0], old.get(key, ""), new.get(key, ""))
        # A kernel is a package of its own for each version; one library in two architectures is told once.
        if change[1] != change[2] and change not in seen:
            seen.add(change)
            yield change


def together(first: Sequence[Mapping[str, Any]], then: Sequence[Mapping[str, Any]]) -> tuple[Mapping[str, Any], ...]:
    """The changes of a run that was interrupted, and of the one that went on."""
    known = {str(change["package"]): dict(change) for change in first}
    for change in then:
        name = str(change["package"])
        earlier = known.get(name)
        closes = sorted({*(earlier or {}).get("closes", ()), *change["closes"]})
        known[name] = {**change, "before": earlier["before"] if earlier else change["before"], "closes": closes}
    return tuple(known[name] for name in sorted(known))


def _restart(update: Update, settings: Settings, services: set[str], say: Say, clock: Clock) -> Update:
    """Services that use replaced files, and those that the update has stopped."""
    run(["systemctl", "daemon-reload"], check=False)
    with clock.step("services"):
        started = replaced_files.start_stopped(services)
        outcome = replaced_files.restart(replaced_files.in_use(), settings.never_restart, engine=settings.engine)
        # A restart takes others along, as that of containerd does Docker's engine.
        started |= replaced_files.start_stopped(services)
    if outcome.done:
        say(f"restarted {', '.join(outcome.done)}")
    for unit, what in started.items():
        say(f"{unit} had stopped: {what}")
    update = record.keep(
        replace(
            update,
            phase=Phase.UPGRADED.value,
            restarted=tuple(dict.fromkeys([*update.restarted, *outcome.done, *started])),
            left=outcome.left,
            reboot_due=(*reboot.reasons(), *replaced_files.reasons(outcome)),
            seconds={**update.seconds, **clock.seconds},
        )
    )
    failed = {**outcome.failed, **{unit: what for unit, what in started.items() if what != "started again"}}
    if failed:
        raise PatchError("; ".join(f"{unit} does not run after the update: {what}" for unit, what in failed.items()))
    return update
