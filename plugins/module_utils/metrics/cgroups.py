# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Control groups of containers: where the kernel keeps the counters of one, in version 1, version 2 and any mixture of both.

Which hierarchies there are says `/proc/self/mountinfo`, in which group a container is says `/proc/<pid>/cgroup` (cgroups(7)): true for
the drivers cgroupfs and systemd, for any `cgroup_parent`, and in a container that is itself a host. Two things differ from what is written
there. A container may have moved its first process into a group below its own, as systemd does in one: the group whose name holds the
container's id is its own. And a controller may say `/`, which holds the counters of the whole host: there the same path as for the others
is taken, or nothing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

UNIFIED = "unified"
CONTROLLERS = ("cpu", "cpuacct", "memory", "blkio", "pids")
_OCTAL = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True)
class Cgroup:
    """The control group of one container.

    :param path: its name below the root of the hierarchy.
    :param folders: by controller of version 1, and `unified` for version 2.
    """

    path: str
    folders: Mapping[str, str]

    def of(self, controller: str) -> str | None:
        """The folder with the files of version 1 for a controller."""
        return self.folders.get(controller)

    @property
    def unified(self) -> str | None:
        """The folder with the files of version 2."""
        return self.folders.get(UNIFIED)

    def generation(self) -> tuple[int, ...]:
        """What changes when a container is started again: its groups are made anew; empty once they are gone."""
        try:
            return tuple(os.stat(folder).st_ino for folder in dict.fromkeys(self.folders.values()))  # noqa: PTH116 - twice at each scrape
        except OSError:
            return ()


@dataclass(frozen=True)
class Hierarchy:
    """One mounted hierarchy.

    :param controllers: those of version 1, or `unified`.
    :param root: the group that is seen at the mount point; not `/` in a container that shares the namespace of its host.
    :param point: the mount point.
    """

    controllers: tuple[str, ...]
    root: str
    point: str

    def folder(self, path: str) -> str | None:
        """Where a group is; None where it cannot be seen from here."""
        if ".." in path.split("/"):
            return None
        below = path if self.root == "/" else path[len(self.root) :] if path.startswith(f"{self.root}/") else None
        if below is None:
            return None
        folder = self.point + below
        return folder if Path(folder).is_dir() else None


def hierarchies(mountinfo: str) -> list[Hierarchy]:
    """The hierarchies that are mounted, from the text of `/proc/self/mountinfo` (proc_pid_mountinfo(5)); one for each controller."""
    found: dict[tuple[str, ...], Hierarchy] = {}
    for line in mountinfo.splitlines():
        before, _dash, after = line.partition(" - ")
        fields, kind = before.split(" "), after.split(" ")
        if len(fields) < 5 or len(kind) < 3 or kind[0] not in ("cgroup", "cgroup2"):
            continue
        named = kind[2].split(",")
        controllers = (UNIFIED,) if kind[0] == "cgroup2" else tuple(name for name in CONTROLLERS if name in named)
        hierarchy = Hierarchy(controllers, _plain(fields[3]), _plain(fields[4]))
        known = found.get(controllers)
        # Another file system may have been mounted over the first point, which is listed all the same.
        if controllers and (known is None or (hierarchy.root == "/" and known.root != "/") or not Path(known.point).is_dir()):
            found[controllers] = hierarchy
    return list(found.values())


def find(mounted: list[Hierarchy], identity: str, membership: str, parent: str = "") -> Cgroup | None:
    """The control group of a container; None where there is none that can be seen.

    :param identity: the container's whole id.
    :param membership: text of `/proc/<pid>/cgroup` of its first process; empty where it may not be read.
    :param parent: its `cgroup_parent`.
    """
    named = dict(_named(membership, identity))
    for path in dict.fromkeys([*named.values(), *_usual(identity, parent)]):
        folders = {}
        for hierarchy in mounted:
            # A mount of several controllers is one line of the membership, so any of them names the path.
            own = next((named[controller] for controller in hierarchy.controllers if controller in named), path)
            if folder := hierarchy.folder(own) or hierarchy.folder(path):
                folders.update(dict.fromkeys(hierarchy.controllers, folder))
        if folders:
            return Cgroup(path, folders)
    return None


def _named(membership: str, identity: str) -> Iterator[tuple[str, str]]:
    """For each controller the path of the group that is named after the container, or of none."""
    for line in membership.splitlines():
        _number, _colon, rest = line.partition(":")
        controllers, _colon, path = rest.partition(":")
        parts = path.split("/")
        depth = next((index for index, part in enumerate(parts) if identity in part), None)
        if depth is not None:
            for controller in controllers.split(",") if controllers else (UNIFIED,):
                yield controller, "/".join(parts[: depth + 1])


def _usual(identity: str, parent: str) -> Iterator[str]:
    """Where the two drivers put a container."""
    if parent.endswith(".slice"):
        steps = parent[: -len(".slice")].split("-")
        slices = "/".join("-".join(steps[: index + 1]) + ".slice" for index in range(len(steps)))
        yield f"/{slices}/docker-{identity}.scope"
    elif parent:
        yield f"/{parent.strip('/')}/{identity}"
    else:
        yield f"/docker/{identity}"
        yield f"/system.slice/docker-{identity}.scope"


def _plain(path: str) -> str:
    """A path without the escapes of mountinfo."""
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), path)
