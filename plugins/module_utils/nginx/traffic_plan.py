# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Traffic plan of a rollout: which containers get traffic. The rollout and the follower of Docker's events share it.

Without an entry every healthy container of a service serves. With one only those named do, each with its weight; whoever is
not named waits (a new container) or drains (an old one). The file survives a restart of the host, so a rollout that was killed
leaves traffic where it had it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ..core import paths
from ..core.versioned_json import known_fields, read_state, write_state


@dataclass(frozen=True)
class Traffic:
    """The entry of one service.

    :param serve: container id to weight.
    :param maintenance: nobody serves; nginx answers 503 with Retry-After itself.
    """

    serve: Mapping[str, int] = field(default_factory=dict)
    maintenance: bool = False


def _path(stack: str) -> Path:
    return paths.RELEASES / stack / "traffic.json"


def load(stack: str) -> dict[str, Traffic]:
    """The entries of a stack by service."""
    return {service: known_fields(Traffic, raw) for service, raw in read_state(_path(stack), {}).items()}


def put(stack: str, entries: Mapping[str, Traffic | None]) -> None:
    """Write entries; None removes one."""
    known = load(stack)
    wanted = {service: entry for service, entry in {**known, **entries}.items() if entry is not None}
    if wanted == known:
        return
    paths.shared_folder(_path(stack).parent, paths.PASSED)
    write_state(_path(stack), {name: asdict(traffic) for name, traffic in wanted.items()}, paths.READABLE, gid=paths.watchdog_gid())


def share_weights(old: list[str], new: list[str], percent: int) -> dict[str, int]:
    """Weights with which `new` together get this percentage of the requests.

    A server's weight is what its side gets, divided by how many are on that side; scaled to small whole numbers.
    """
    if not old or not new:
        return dict.fromkeys([*old, *new], 1)
    mine, theirs = percent * len(old), (100 - percent) * len(new)
    scale = max(1, min(mine, theirs))
    weights = dict.fromkeys(old, max(1, round(theirs / scale)))
    return weights | dict.fromkeys(new, max(1, round(mine / scale)))
