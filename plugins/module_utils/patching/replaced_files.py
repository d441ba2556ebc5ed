# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of which processes use a version that an update has replaced, and the units to restart for it.

The kernel marks such a file in ``/proc/PID/maps`` as deleted (proc_pid_maps(5)): dpkg renames the new one over it. needrestart reads the
same; it is asked to list only, since it would restart what interrupts requests, or ask.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..core.atomic_files import read_text
from ..core.process import CommandError, run

PROC = Path("/proc")
# Whose restart ends logins or the bus, or that is told to the host by a reboot only. PID 1 goes on by `daemon-reexec`.
ONLY_BY_REBOOT = (
    "dbus", "systemd-logind", "systemd-machined", "systemd-networkd", "user@", "session", "getty@", "serial-getty@", "console-getty",
    "networking", "NetworkManager", "ifup@", "multipathd", "iscsid", "lvm2", "plymouth", "gdm", "lightdm", "sddm", "emergency", "rescue",
    "apt-daily", "unattended-upgrades", "ufw", "netfilter-persistent",
)  # fmt: skip
ENGINE = ("docker.service", "containerd.service")
# Each holds a container: it is of containerd's control group, outlives its restart, and goes with its container.
SHIM = "containerd-shim"  # as far as the kernel keeps a name
_PROGRAMS = re.compile(r"(?:/usr)?/(?:s?bin|lib(?:32|64|exec|x32)?|local)/|/opt/")
_UNIT = re.compile(r"(?:^|/)(?:system\.slice/(?:.*/)?)([^/]+\.service)(?:/|$)")
_CONTAINER = re.compile(r"(?:^|/)(?:docker|libpod|cri-containerd|kubepods)[^/]*[-/].*[0-9a-f]{64}")
_REPLACED = re.compile(r"^[0-9a-f]+-[0-9a-f]+ ..x. \S+ \S+ [1-9]\d*\s+(/.*) \(deleted\)$", re.MULTILINE)


@dataclass(frozen=True)
class Use:
    """A unit, and the replaced files that its processes use."""

    unit: str
    files: tuple[str, ...]


@dataclass
class Restarts:
    """What became of them.

    :param left: units that go on with what was replaced, each with the reason.
    :param failed: units that do not run after their restart, each with what systemd says.
    """

    done: list[str] = field(default_factory=list)
    left: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def in_use() -> list[Use]:
    """Units of this host that use replaced files; processes of containers have files of their own."""
    found: dict[str, set[str]] = {}
    for folder in PROC.glob("[0-9]*"):
        files = replaced(_text(folder / "maps"))
        unit = unit_of(folder.name, _text(folder / "cgroup")) if files else ""
        if unit and _text(folder / "comm").strip() != SHIM:
            found.setdefault(unit, set()).update(files)
    return [Use(unit, tuple(sorted(files))) for unit, files in sorted(found.items())]


def replaced(maps: str) -> set[str]:
    """Programs and libraries among the mappings of a process that are not on the disk any more."""
    return {path for path in _REPLACED.findall(maps) if _PROGRAMS.match(path)}


def unit_of(pid: str, cgroups: str) -> str:
    """The unit of a process by its control groups (either version); empty for a process of a container, or of a login."""
    paths = [line.split(":", 2)[2] for line in cgroups.splitlines() if line.count(":") >= 2]
    if any(_CONTAINER.search(path) for path in paths):
        return ""
    if pid == "1":
        return "init.scope"
    return next((match[1] for path in paths if (match := _UNIT.search(path))), "")


def _text(path: Path) -> str:
    """A file of a process; nothing of one that has ended meanwhile."""
    try:
        return read_text(path) or ""
    except OSError:
        return ""


def restart(uses: Iterable[Use], never: Sequence[str], *, engine: bool) -> Restarts:
    """Restart units so that they use what is on the disk.

    :param never: beginnings of names that stay as they are.
    :param engine: the container engine is among those that may be restarted.
    """
    outcome = Restarts()
    wanted = []
    for use in uses:
        if why := stays(use.unit, never, engine):
            outcome.left[use.unit] = why
        else:
            wanted.append(use.unit)
    # The engine last and containerd before it: what asks Docker finds one that stays.
    for unit in sorted(wanted, key=lambda name: (name in ENGINE, name == "docker.service", name)):
        argv = ["systemctl", "daemon-reexec"] if unit == "init.scope" else ["systemctl", "try-restart", unit]
        try:
            run(argv, timeout=180)
            outcome.done.append(unit)
        except CommandError as error:
            outcome.failed[unit] = str(error)
    return outcome


def stays(unit: str, never: Sequence[str], engine: bool) -> str:
    """Why a unit is not restarted; empty where it may be."""
    if any(unit.startswith(name) for name in never):
        return "patch_never_restart"
    if unit in ENGINE and not engine:
        return "the container engine: patch_engine"
    return "only a reboot replaces it" if unit.startswith(ONLY_BY_REBOOT) else ""


def active() -> set[str]:
    """Services that run."""
    argv = ["systemctl", "list-units", "--type=service", "--state=active", "--plain", "--no-legend"]
    return {line.split()[0] for line in run(argv, check=False).stdout.splitlines() if line.strip()}


def start_stopped(before: set[str], after: set[str] | None = None) -> dict[str, str]:
    """Start services that ran before an update and do not any more; what became of each.

    An update of containerd stops Docker's engine with it, and nobody starts that again (docker/for-linux#1155).
    """
    outcome = {}
    for unit in sorted(before - (active() if after is None else after)):
        if not _restartable(unit):
            continue
        try:
            run(["systemctl", "start", unit], timeout=180)
            outcome[unit] = "started again"
        except CommandError as error:
            outcome[unit] = str(error)
    return outcome


def _restartable(unit: str) -> bool:
    """It is meant to run for good: neither a job that ended, nor one that is gone, nor one that somebody has disabled."""
    keys = ("LoadState", "Type", "UnitFileState", "ActiveState", "RemainAfterExit", "TriggeredBy")
    shown = run(["systemctl", "show", "--property", ",".join(keys), unit], check=False).stdout
    values = dict(line.partition("=")[::2] for line in shown.splitlines())
    lasting = values.get("Type") != "oneshot" or values.get("RemainAfterExit") == "yes"
    stopped = values.get("ActiveState") in ("inactive", "failed") and values.get("LoadState") == "loaded"
    return lasting and stopped and values.get("UnitFileState") in ("enabled", "enabled-runtime") and not values.get("TriggeredBy")


def reasons(left: Restarts) -> Iterator[str]:
    """Why a reboot is due for what was not restarted."""
    for unit, why in sorted(left.left.items()):
        if why == "only a reboot replaces it":
            yield f"{unit} uses files that were replaced"
