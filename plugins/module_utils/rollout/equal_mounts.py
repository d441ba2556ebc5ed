# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a container has mounted, and what a release would mount, each by the path in the container.

Compose hands a mount on to Docker in one of two ways (``Binds`` or ``Mounts``), by its version. Compared is what came of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

Document = Mapping[str, Any]
# Type, volume or path on the host, whether it can be written, and what else is asked for.
Mount = tuple[str, str, bool, frozenset[str]]
ANONYMOUS = "without a name"
_ANONYMOUS = re.compile(r"[0-9a-f]{64}")
_PLAIN = {"", "rw", "ro", "rprivate"}
_LABELLED = {"volume": {"z"}}  # Docker writes it of a volume, whatever was asked for
# Options that change nothing once a container is there: a folder is made, and a volume is filled and labelled, when it is new.
_AT_FIRST = {"create_host_path", "nocopy", "labels", "CreateMountpoint", "NoCopy", "Labels"}


def mounts(raw: Document) -> dict[str, Mount]:
    """What a container has mounted, but for what is only in memory and has a key of its own (``tmpfs``)."""
    options = {_path(mount["Target"]): frozenset(_asked_of_docker(mount)) for mount in raw["HostConfig"].get("Mounts") or ()}
    mounted = {}
    for mount in raw.get("Mounts") or ():
        kind, path = mount["Type"], _path(mount["Destination"])
        source = str(mount.get("Name") or "") if kind == "volume" else str(mount.get("Source") or "") if kind == "bind" else ""
        modes = set(str(mount.get("Mode") or "").split(",")) - _PLAIN - _LABELLED.get(kind, set())
        modes |= {str(mount.get("Propagation") or "")} - _PLAIN
        named = ANONYMOUS if kind == "volume" and _ANONYMOUS.fullmatch(source) else _path(source)
        mounted[path] = (kind, named, bool(mount.get("RW")), frozenset(modes) | options.get(path, frozenset()))
    return mounted


def _asked_of_docker(mount: Document) -> Iterator[str]:
    for kind in ("BindOptions", "VolumeOptions", "TmpfsOptions", "ImageOptions"):
        for name, value in (mount.get(kind) or {}).items():
            if value and name not in _AT_FIRST and not (name == "Propagation" and value in _PLAIN):
                yield str(value) if name == "Propagation" else f"Docker's {name}"


def wanted_mounts(project: Document, service: Document, image: Document) -> dict[str, Mount]:
    """What a release would mount."""
    asked = {_path(mount["target"]): _wanted(project, mount) for mount in service.get("volumes") or ()}
    asked |= {path: mount for path, mount in _files(project, service) if path not in asked}
    in_memory = {_path(line.partition(":")[0]) for line in service.get("tmpfs") or ()}
    of_image = {_path(path) for path in image.get("Volumes") or ()} - in_memory
    return {path: ("volume", ANONYMOUS, True, frozenset()) for path in of_image} | asked


def _wanted(project: Document, mount: Document) -> Mount:
    kind, source = str(mount["type"]), str(mount.get("source") or "")
    if kind == "volume":
        source = str((((project.get("volumes") or {}).get(source)) or {}).get("name") or source) or ANONYMOUS
    elif kind == "tmpfs":
        source = ""
    options = {
        str(value) if name == "propagation" else f"{part}.{name}"
        for part in ("bind", "volume", "tmpfs", "image")
        for name, value in (mount.get(part) or {}).items()
        if value and name not in _AT_FIRST
    }
    return kind, _path(source), not mount.get("read_only"), frozenset(options)


def _files(project: Document, service: Document) -> Iterator[tuple[str, Mount]]:
    """Secrets and configs. One that is no file is copied into a container, where nobody sees it: none is known to be equal then."""
    for kind, folder in (("secrets", "/run/secrets/"), ("configs", "/")):
        for use in service.get(kind) or ():
            definition = (project.get(kind) or {})[use["source"]]
            target = str(use.get("target") or use["source"])
            path = _path(target if target.startswith("/") else folder + target)
            yield path, ("bind", _path(str(definition.get("file") or "")), False, frozenset())


def _path(path: str) -> str:
    return path.rstrip("/") or path
