# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of the watchdog: one file a stack (role `watchdog` derives it from the declaration), and one for the host."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from ..contracts.watchdog_settings import HostSpec, StackSpec
from ..core.atomic_files import understood

FOLDER = Path("/etc/latentum-ops/watchdog")
HOST = "host.json"


@dataclass(frozen=True)
class Settings:
    """Everything that the watchdog was told."""

    host: HostSpec = field(default_factory=HostSpec)
    stacks: tuple[StackSpec, ...] = ()

    def stack(self, name: str) -> StackSpec | None:
        """One stack by name."""
        return next((stack for stack in self.stacks if stack.name == name), None)

    def pace(self, key: str) -> tuple[float, float]:
        """Of a subject: seconds until the second look at a failed probe, seconds of being well before its incident ends."""
        owner = self.stack(key.partition("/")[0]) or self.host
        return owner.confirm, owner.recover


def load(folder: Path | None = None) -> Settings:
    """Read all files.

    :raises ValueError: one of them cannot be read; the message names it.
    """
    host, stacks = HostSpec(), []
    for file in sorted((folder or FOLDER).glob("*.json")):
        with understood(file):
            raw = json.loads(file.read_text())
            if file.name == HOST:
                host = HostSpec.from_dict(raw, tolerant=True)
            else:
                stacks.append(StackSpec.from_dict(raw, tolerant=True))
    return Settings(host, tuple(stacks))
