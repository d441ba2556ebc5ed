# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How old the secrets are that rotate, for whoever may not read the store: names and times, and no value."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..core import paths
from ..core.atomic_files import read_text, understood
from ..core.times import epoch
from ..core.versioned_json import known_fields, read_state, write_state

NAME = "secret_ages.json"


@dataclass(frozen=True)
class Age:
    """One secret.

    :param updated: when it got its value (epoch seconds).
    :param every: told is one that is older (seconds); 0 for never.
    """

    name: str
    kind: str
    updated: float
    every: float = 0.0

    @property
    def seconds(self) -> float:
        """How old it is now."""
        return max(0.0, time.time() - self.updated)

    @property
    def late(self) -> bool:
        """It should have been replaced."""
        return 0 < self.every < self.seconds


def path_of(stack: str) -> Path:
    """The file of a stack."""
    return paths.RELEASES / stack / NAME


def read(stack: str) -> list[Age]:
    """Those of a stack, by name; none where nothing of it rotates.

    :raises ValueError: the file is damaged.
    """
    file = path_of(stack)
    with understood(file):
        return [known_fields(Age, raw) for raw in read_state(file, [])]


def publish(stack: str, rotations: Mapping[str, Any], metadata: Mapping[str, Mapping[str, Any]]) -> None:
    """Write them, where they differ.

    :param rotations: how each secret rotates that does, by name.
    """
    file = path_of(stack)
    ages = [
        asdict(Age(name, rotation.kind, epoch(str(metadata[name]["updated"])), float(rotation.every)))
        for name, rotation in sorted(rotations.items())
    ]
    if not ages:
        file.unlink(missing_ok=True)
        return
    paths.shared_folder(file.parent, paths.PASSED)
    if read_text(file) is None or read_state(file, None) != ages:
        group = paths.watchdog_gid() if os.geteuid() == 0 else os.getegid()
        write_state(file, ages, paths.READABLE, os.geteuid(), group)


def late(stack: str) -> Sequence[Age]:
    """Those that should have been replaced."""
    return [age for age in read(stack) if age.late]
