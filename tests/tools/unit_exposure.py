# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How exposed units may be, as `systemd-analyze security` judges them: 0 for nothing to lose, 10 for everything.

docs/reference/sandboxes.md has the reasons in full.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatch

FLOOR = 3.0
# What cannot be below it: the unit, or a pattern of its name; what it may be at most, and why. One that is below it has to go.
EXCEPTIONS: Mapping[str, tuple[float, str]] = {
    "ssh.service": (9.6, "what sshd may not do, no session may: sudo, the clock, modules of the kernel"),
    "docker.service": (
        9.6,
        "files of containers are mounted where it runs; a namespace of its own hides them from the host and from containerd",
    ),
    "containerd.service": (9.6, "containers are its children, and would have no more rights than it has"),
}
_OVERALL = re.compile(r"Overall exposure level for (\S+): (\d+(?:\.\d+)?)")


def scores_in(output: str) -> dict[str, float]:
    """What `systemd-analyze security UNIT…` says, by unit."""
    return {unit: float(score) for unit, score in _OVERALL.findall(output)}


def problems(scores: Mapping[str, float]) -> list[str]:
    """What is wrong with these scores; a line a unit."""
    found = []
    for unit, score in sorted(scores.items()):
        exception = next((limit for pattern, (limit, _why) in EXCEPTIONS.items() if fnmatch(unit, pattern)), None)
        if exception is None and score > FLOOR:
            found.append(f"{unit}: {score}, more than {FLOOR}: give it a sandbox, or an exception with its reason")
        elif exception is not None and score > exception:
            found.append(f"{unit}: {score}, more than the {exception} of its exception")
        elif exception is not None and score <= FLOOR:
            found.append(f"{unit}: {score}: its exception is not needed any more")
    return found
