# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Room: file systems and swap."""

from __future__ import annotations

from dataclasses import dataclass

from ..host import Space, SurveyedHost

FOLDERS = ("/", "/var", "/var/lib/docker", "/var/log", "/opt", "/srv", "/home")


@dataclass(frozen=True)
class Swap:
    """A swap area, in bytes."""

    path: str
    size: int
    used: int


@dataclass(frozen=True)
class Storage:
    """What there is."""

    space: tuple[Space, ...] = ()
    swap: tuple[Swap, ...] = ()


def storage(host: SurveyedHost) -> Storage:
    """File systems once each, and swap as the kernel lists it (proc(5), /proc/swaps)."""
    spaces: dict[tuple[int, int], Space] = {}
    for folder in FOLDERS:
        if (space := host.space(folder)) is not None:
            spaces.setdefault((space.size, space.free), space)
    rows = [line.split() for line in (host.read("/proc/swaps") or "").splitlines()[1:]]
    areas = [Swap(fields[0], int(fields[2]) * 1024, int(fields[3]) * 1024) for fields in rows if len(fields) > 3]
    return Storage(tuple(spaces.values()), tuple(areas))
