# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The old set of a blue-green update, kept running for an instant rollback, and until when."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path

from ..core import paths
from ..core.versioned_json import read_state, write_state


@dataclass(frozen=True)
class Warm:
    """Containers without traffic.

    :param ids: of the containers.
    :param until: epoch seconds.
    """

    ids: tuple[str, ...]
    until: float

    @property
    def due(self) -> bool:
        """Nobody will want them any more."""
        return time.time() >= self.until


def _path(stack: str) -> Path:
    return paths.RELEASES / stack / "warm.json"


def load(stack: str) -> dict[str, Warm]:
    """The warm sets of a stack by service."""
    read = read_state(_path(stack), {})
    return {service: Warm(tuple(raw["ids"]), float(raw["until"])) for service, raw in read.items()}


def put(stack: str, service: str, warm: Warm | None) -> None:
    """Remember a warm set; None forgets it."""
    known = load(stack)
    if warm is None and service not in known:
        return
    wanted = {name: entry for name, entry in {**known, service: warm}.items() if entry is not None}
    write_state(_path(stack), {name: asdict(entry) for name, entry in wanted.items()}, paths.READABLE, gid=paths.watchdog_gid())


def ids(stack: str) -> set[str]:
    """Ids of all warm containers of a stack."""
    return {identity for warm in load(stack).values() for identity in warm.ids}
