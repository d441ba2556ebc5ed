# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Overload: while the whole host stalls, a late answer is no proof of illness, and each restart adds to the load.

The kernel says how long tasks have waited for processors, disks and memory (pressure stall information, Documentation/accounting/psi.rst).
What has ended, is missing or answers wrongly is healed all the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from .findings import Fault, Finding
from .incidents import Incident

PRESSURE = Path("/proc/pressure")
# Percent of the last ten seconds in which some task waited for a processor, or all of them for the rest.
LIMITS: Mapping[str, tuple[str, float]] = {"cpu": ("some", 60.0), "io": ("full", 40.0), "memory": ("full", 20.0)}


def stalled() -> str:
    """By what the host stalls, such as C(cpu 93 %); empty while it does not, or where the kernel does not say."""
    pressed = []
    for name, (line, limit) in LIMITS.items():
        try:
            shown = re.search(rf"^{line} avg10=([0-9.]+)", (PRESSURE / name).read_text(), re.MULTILINE)
        except OSError:  # a kernel without it, or started with psi=0
            continue
        if shown and float(shown[1]) >= limit:
            pressed.append(f"{name} {float(shown[1]):.0f} %")
    return ", ".join(pressed)


class Stall:
    """Restarts that wait for the host.

    :param patience: seconds for which those of one incident wait at most: what is late may be what makes the host stall.
    """

    def __init__(self, patience: float) -> None:
        self.patience = patience
        self._since: dict[str, tuple[float, float]] = {}  # by key: when its incident opened, and the monotonic time of the first wait

    def spare(self, finding: Finding, incident: Incident, now: float) -> Finding:
        """The finding, its late containers to be waited for as long as the host stalls and the patience lasts."""
        if not self.patience or not any(_waits(fault) for fault in finding.faults):
            return finding
        opened, since = self._since.get(finding.key, (0.0, now))
        if opened == incident.opened and now - since >= self.patience:
            return finding
        if not (pressed := stalled()):
            return finding
        if opened != incident.opened:
            self._since[finding.key] = (incident.opened, now)
            incident.did(f"waits up to {self.patience:g} s before a restart: the host stalls ({pressed}), and answers are only late")
        return replace(finding, faults=tuple(replace(fault, remedy="wait") if _waits(fault) else fault for fault in finding.faults))


def _waits(fault: Fault) -> bool:
    return fault.late and fault.remedy == "restart"
