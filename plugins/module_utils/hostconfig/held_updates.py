# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Updates that nobody installs by night: newer versions of packages that unattended-upgrades leaves alone, or that apt holds.

The engine is among them (role auto_updates), so its security fixes wait for somebody who knows of them. What is asked is apt's effective
configuration and a simulation, from the lists that are there; nothing is fetched.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..core.process import run
from . import apt
from .apt_simulation import simulated

STATUS = Path("/var/lib/dpkg/status")
LEFT_ALONE = "Unattended-Upgrade::Package-Blacklist"
# Held packages would not be in it; nor would one that needs a new package, as the engine's own did more than once.
_UPGRADE = ("--ignore-hold", "dist-upgrade")
_UPGRADED = re.compile(r"^Inst (\S+) \[(\S+)\] \((\S+) ([^)]*)\)", re.MULTILINE)
_PATTERN = re.compile(r'^\S+::Package-Blacklist:: "(.*)";$', re.MULTILINE)


@dataclass(frozen=True)
class HeldUpdate:
    """A newer version that waits.

    :param security: the repository says that it is a security update. Docker's own says so of none.
    :param hold: apt itself holds the package (`apt-mark hold`).
    """

    package: str
    installed: str
    available: str
    security: bool
    hold: bool

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        return f"{self.package} {self.installed} -> {self.available}{' (security)' if self.security else ''}"


def waiting() -> list[HeldUpdate]:
    """Those that wait, by name; none where there is no apt-get that says so.

    :raises CommandError: a program is not there, or does not answer.
    """
    planned = _UPGRADED.findall(simulated(*_UPGRADE))
    upgraded = {name.partition(":")[0]: (before, after, origin) for name, before, after, origin in planned}
    if not upgraded:
        return []
    left_alone = _PATTERN.findall(run(["apt-config", "dump", LEFT_ALONE]).stdout)
    holds = set(run(["apt-mark", "showhold"]).stdout.split())
    return [
        HeldUpdate(name, before, after, "security" in origin.lower(), name in holds)
        for name, (before, after, origin) in sorted(upgraded.items())
        if name in holds or any(_matches(pattern, name) for pattern in left_alone)
    ]


def command(updates: Sequence[HeldUpdate]) -> str:
    """The one command that installs them, and nothing else that is newer. The engine restarts by it; with `live-restore`, which role
    docker sets, containers go on meanwhile."""
    holding = " --allow-change-held-packages" if any(update.hold for update in updates) else ""
    return f"sudo apt-get install --only-upgrade{holding} {' '.join(update.package for update in updates)}" if updates else ""


def state(paths: Iterable[Path] = (apt.LISTS, STATUS)) -> tuple[float, ...]:
    """Another one once lists were fetched or a package was installed: until then there is no need to ask again."""
    return tuple(path.stat().st_mtime if path.exists() else 0.0 for path in paths)


def _matches(pattern: str, name: str) -> bool:
    """As unattended-upgrades compares: a regular expression, from the start of the name."""
    try:
        return re.match(pattern, name) is not None
    except re.error:
        return False
