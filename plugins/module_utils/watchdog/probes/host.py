# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at the host itself: disks, memory, the units that all else stands on, the clock, updates and a reboot that wait."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...access import break_glass
from ...contracts.watchdog_settings import HostSpec
from ...core.process import CommandError, run
from ...firewall import isolated
from ...hostconfig import held_updates
from ...hostconfig.held_updates import HeldUpdate
from ...secretstore import ages
from ...status.disks import disks
from ..settings import Settings

REBOOT = Path("/run/reboot-required")
NGINX = Path("/etc/nginx")
# As systemd writes durations (systemd.time(7)).
SPANS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0, "month": 2629800.0, "y": 31557600.0}
TIMESYNC = Path("/run/systemd/timesync")  # there while systemd-timesyncd runs
CLOCK_EVERY = 300.0  # seconds between two questions about a clock that is right
DAY = 86400.0
FIRST = 3600.0  # seconds that the first backup of a stack may take, with its proof
AWAY = 300.0  # seconds for which a target may be away before anybody is told
BACKUPS = Path("/var/lib/latentum-ops/backups")  # role `backup` writes <stack>.json with the epoch of the last restored backup


@dataclass(frozen=True)
class Check:
    """One result. `state`: ok, warning, critical; `value` is shown, `reason` is a sentence where it is not ok."""

    name: str
    state: str = "ok"
    value: str = ""
    reason: str = ""

    @property
    def key(self) -> str:
        """Of the incident."""
        return f"host/{self.name}"


def disk_checks(spec: HostSpec) -> Iterator[Check]:
    """Blocks and inodes of each file system that fills up."""
    for disk in disks():
        percent = max(disk["percent"], disk["inodes_percent"])
        what = "space" if disk["percent"] >= disk["inodes_percent"] else "inodes"
        state = "critical" if percent >= spec.disk_critical else "warning" if percent >= spec.disk_warning else "ok"
        reason = (
            "" if state == "ok" else f"{percent} % of the {what} of {disk['mount']} are used; `du -xh {disk['mount']} | sort -h | tail`"
        )
        yield Check(f"disk {disk['mount']}", state, f"{disk['percent']} %", reason)


def memory_checks(spec: HostSpec) -> Iterator[Check]:
    """Memory that processes cannot get any more (MemAvailable of proc(5))."""
    meminfo = dict(re.findall(r"^(\w+):\s+(\d+)", Path("/proc/meminfo").read_text(), re.MULTILINE))
    percent = 100 - 100 * int(meminfo["MemAvailable"]) // int(meminfo["MemTotal"])
    state = "critical" if percent >= spec.memory_critical else "warning" if percent >= spec.memory_warning else "ok"
    yield Check("memory", state, f"{percent} %", "" if state == "ok" else f"{percent} % of the memory are used; `docker stats --no-stream`")


def reboot_checks(spec: HostSpec) -> Iterator[Check]:
    """A reboot that an update asked for."""
    try:
        age = time.time() - REBOOT.stat().st_mtime
    except FileNotFoundError:
        yield Check("reboot", value="not needed")
        return
    late = age > spec.reboot_after
    reason = f"updates have waited for a reboot for {age / 86400:.0f} days" if late else ""
    yield Check("reboot", "warning" if late else "ok", "due", reason)


class HeldUpdates:
    """Updates that are held back from those of the night. apt is asked again only once something has changed: it takes a second."""

    def __init__(self) -> None:
        self._asked: tuple[float, ...] = ()
        self._waiting: list[HeldUpdate] = []

    def checks(self) -> Iterator[Check]:
        """One look; the incident has the command that ends it."""
        now = held_updates.state()
        if now != self._asked:
            self._waiting = held_updates.waiting()
            self._asked = now
        waiting = self._waiting
        reason = f"held back; `{held_updates.command(waiting)}`: {', '.join(map(str, waiting))}" if waiting else ""
        yield Check("held updates", "warning" if waiting else "ok", f"{len(waiting)} waiting" if waiting else "none", reason)


class ClockOffset:
    """The offset that the time service measures. It is asked seldom while it is small: a program is started for it."""

    def __init__(self) -> None:
        self._due = float("-inf")
        self._offset: float | None = None

    def checks(self, spec: HostSpec, now: float) -> Iterator[Check]:
        """One look; nothing where the service does not run (a container has its host's clock)."""
        if not TIMESYNC.is_dir():
            return
        if now >= self._due or (self._offset or 0.0) > spec.clock_offset:
            self._due, self._offset = now + CLOCK_EVERY, self._measured()
        if self._offset is None:
            return
        bad = self._offset > spec.clock_offset
        reason = f"the clock is {self._offset:.1f} s off: certificates and one-time passwords will fail" if bad else ""
        yield Check("clock", "warning" if bad else "ok", f"{self._offset * 1000:.1f} ms", reason)

    @staticmethod
    def _measured() -> float | None:
        """Seconds; None when the service does not say."""
        try:
            shown = run(["timedatectl", "timesync-status"], timeout=5, check=False).stdout
        except CommandError:
            return None
        offset = re.search(r"Offset: (.*)", shown)
        parts = re.findall(r"([0-9.]+)(us|ms|s|min|h|d|w|month|y)\b", offset[1] if offset else "")
        return sum(float(number) * SPANS[unit] for number, unit in parts) if parts else None


def backup_checks(settings: Settings) -> Iterator[Check]:
    """What a restore would find: the age of the last backup that was proven, targets that are away, and WAL that does not arrive."""
    for stack in settings.stacks:
        if not stack.backup_max_age:
            continue
        try:
            noted = json.loads((BACKUPS / f"{stack.name}.json").read_text())
        except (OSError, ValueError):
            noted = {}
        noted = noted if isinstance(noted, dict) else {}
        yield from _of_plans(stack.name, stack.backup_plans, noted)
        if not stack.backup_plans:
            yield _restorable(stack.name, stack.backup_max_age, noted)
        now = time.time()
        for name, target in sorted(noted.get("targets", {}).items()):
            away = now - target["since"] if target.get("since") else 0.0
            reason = f"{target.get('error')}; since {away / 60:.0f} min, what it lacks is kept on this host" if away > AWAY else ""
            yield Check(f"backup {stack.name} {name}", "warning" if reason else "ok", f"{away / 60:.0f} min", reason)
        for name, cluster in sorted(noted.get("clusters", {}).items()):
            error = str(cluster.get("error") or "")
            reason = f"the WAL of {stack.name}/{name} is not received: {error}" if error else ""
            yield Check(f"backup {stack.name} WAL of {name}", "critical" if reason else "ok", "", reason)


def secret_checks(settings: Settings) -> Iterator[Check]:
    """Secrets that are older than they are declared to be, by names and times alone: their values are not for the watchdog."""
    for stack in settings.stacks:
        for age in ages.read(stack.name):
            days = age.seconds / DAY
            reason = f"{age.name} of {stack.name} is {days:.0f} days old, declared every {age.every / DAY:.0f}: `opsctl rotate`"
            yield Check(f"secret {stack.name} {age.name}", "warning" if age.late else "ok", f"{days:.0f} d", reason if age.late else "")


def _first_is_under_way(noted: Mapping[str, Any]) -> bool:
    """A new stack has no backup yet, and none has failed: nobody is to be called before the first one could end."""
    began = noted.get("began")
    failed = any(isinstance(part, Mapping) and part.get("ok") is False for part in (noted.get("backup"), noted.get("verify")))
    return isinstance(began, int | float) and 0 <= time.time() - began < FIRST and not failed


def _of_plans(stack: str, limits: Mapping[str, float], noted: Mapping[str, Any]) -> Iterator[Check]:
    """Each plan by its own age: a database that is backed up each night must not hide files that nobody has backed up for a month."""
    plans = noted.get("plans")
    for name, limit in limits.items():
        about = plans.get(name) if isinstance(plans, Mapping) else None
        yield _restorable(stack, limit, about if isinstance(about, Mapping) else {}, name)


def _restorable(stack: str, limit: float, noted: Mapping[str, Any], plan: str = "") -> Check:
    name = f"backup {stack} plan {plan}" if plan else f"backup {stack}"
    stack = f"{stack}, plan {plan}," if plan else stack
    try:
        age = time.time() - float(noted["restorable"])
    except (KeyError, TypeError, ValueError):
        if _first_is_under_way(noted):
            return Check(name, "ok", "the first one is under way")
        return Check(name, "critical", "none", f"no backup of {stack} has ever been restored")
    proof = noted.get("verify") or {}
    if age > limit:
        return Check(name, "critical", f"{age / 3600:.0f} h", f"the last restorable backup of {stack} is {age / 3600:.0f} h old")
    if proof and not proof.get("ok"):
        return Check(name, "critical", f"{age / 3600:.0f} h", f"the last backup of {stack} could not be restored: {proof.get('error')}")
    return Check(name, "ok", f"{age / 3600:.0f} h", "")


class Isolated:
    """A host that was cut off on purpose, and once that has ended."""

    def __init__(self) -> None:
        self._was = False

    def checks(self) -> Iterator[Check]:
        """One look; nothing on a host that was never isolated."""
        isolation = isolated.load()
        if isolation:
            self._was = True
            lost = "nothing is healed, alerts wait, certificates are not renewed, and backups stay on this host"
            yield Check("isolation", "critical", "isolated", f"{isolation.describe()}; {lost}")
        elif self._was:
            yield Check("isolation", value="ended")


class BreakGlass:
    """An account for emergencies was used, and nobody has said that they have seen it."""

    def __init__(self) -> None:
        self._was = False

    def checks(self) -> Iterator[Check]:
        """One look; nothing on a host without such a use."""
        use = break_glass.load()
        if use:
            self._was = True
            yield Check("break-glass", "critical", "used", f"{use.describe()}; once you know who it was: opsctl access --acknowledge")
        elif self._was:
            yield Check("break-glass", value="acknowledged")


class Units:
    """Units that systemd itself restarts: down now, or restarted by it since the last look."""

    def __init__(self) -> None:
        self.restarts: dict[str, int] = {}
        self.latched: dict[str, tuple[float, int]] = {}

    def checks(self, spec: HostSpec, now: float) -> Iterator[Check]:
        """One look; a restart is seen as a failure for `recover` seconds, so that it is told also when it took a moment.

        :raises CommandError: systemd does not answer.
        """
        shown = run(["systemctl", "show", "--property=Id,ActiveState,NRestarts,Result", *spec.units], timeout=10).stdout
        for block in shown.strip().split("\n\n"):
            fields = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
            unit, count = fields.get("Id", ""), int(fields.get("NRestarts") or 0)
            name = unit.removesuffix(".service")
            if count > self.restarts.get(unit, count):
                self.latched[unit] = (now, count - self.restarts[unit])
            self.restarts[unit] = count
            if fields.get("ActiveState") not in ("active", "reloading"):
                yield Check(
                    name, "critical", fields.get("ActiveState", ""), f"{unit} is {fields.get('ActiveState')} ({fields.get('Result')})"
                )
            elif (since := self.latched.get(unit)) and now - since[0] < spec.recover:
                yield Check(name, "critical", "restarted", f"{unit} died and was started again by systemd")
            else:
                yield Check(name, value="active")


class NginxConfiguration:
    """Does nginx accept what is on disk? Asked only when something there has changed: the next reload would find out."""

    def __init__(self, accepts: Callable[[], str]) -> None:
        """:param accepts: what nginx says against it; empty when nothing."""
        self.accepts = accepts
        self.stamp: tuple[float, int] = (0.0, 0)
        self.refusal = ""

    def checks(self) -> Iterator[Check]:
        """One look; nothing on a host without nginx."""
        if not NGINX.is_dir():
            return
        files = [path for path in NGINX.rglob("*") if path.is_file() and path.parent.name != "upstreams.d"]
        stamp = (max((file.stat().st_mtime for file in files), default=0.0), len(files))
        if stamp != self.stamp or self.refusal:
            self.refusal = self.accepts()
            self.stamp = stamp
        yield Check("nginx configuration", "critical" if self.refusal else "ok", "refused" if self.refusal else "accepted", self.refusal)
