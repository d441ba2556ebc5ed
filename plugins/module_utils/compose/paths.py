# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Relative paths in a Compose file: where they stand, and how they are written from another folder.

Compose takes a relative path from the folder of the project, for an included file from that of its own project, for a service that is
extended from that of its file. Source: the Compose specification, "include" and "extends".
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping
from typing import Any

Resolve = Callable[[Any], Any]


def is_relative(path: object) -> bool:
    """Whether it is a path that begins in a folder of the project; C(~) begins at home."""
    return isinstance(path, str) and bool(path) and not path.startswith(("/", "~"))


def is_file(source: str) -> bool:
    """Whether the source of a mount in short form is a path, not the name of a volume."""
    return source.startswith(("/", ".", "~"))


def joined(folder: str, path: str) -> str:
    """A path from another folder, in the form in which Compose takes it for a path; the folder itself is C(.)."""
    normal = posixpath.normpath(posixpath.join(folder, path))
    return normal if normal.startswith((".", "/")) else f"./{normal}"


class Rebase:
    """Writes the paths of a service, or of a whole project, that lie in one folder so that they begin in another.

    :param folder: of those paths, seen from the other folder.
    :param resolve: resolves variables: whether C(${DATA}/x) is relative follows from the value.
    """

    def __init__(self, folder: str, resolve: Resolve) -> None:
        self.folder = folder
        self.resolve = resolve

    def project(self, model: Mapping[str, Any]) -> dict[str, Any]:
        """All parts of a project."""
        result = dict(model)
        if isinstance(model.get("services"), Mapping):
            result["services"] = {
                name: self.service(value) if isinstance(value, Mapping) else value for name, value in model["services"].items()
            }
        for kind in ("secrets", "configs"):
            if isinstance(model.get(kind), Mapping):
                result[kind] = {name: self._keys(value, "file") for name, value in model[kind].items()}
        if isinstance(model.get("volumes"), Mapping):
            result["volumes"] = {name: self._volume(value) for name, value in model["volumes"].items()}
        return result

    def service(self, service: Mapping[str, Any]) -> dict[str, Any]:
        """The paths of a service."""
        result = dict(service)
        for key in ("env_file", "label_file"):
            if service.get(key):
                given = service[key]
                result[key] = [self._file(item) for item in given] if isinstance(given, list) else self._file(given)
        if isinstance(service.get("volumes"), list):
            result["volumes"] = [self._mount(mount) for mount in service["volumes"]]
        if "build" in service:
            build = service["build"]
            result["build"] = self._keys(build, "context") if isinstance(build, Mapping) else self._path(build)
        if isinstance(service.get("extends"), Mapping) and service["extends"].get("file"):
            result["extends"] = self._keys(service["extends"], "file")
        return result

    def _path(self, path: Any) -> Any:
        resolved = self.resolve(path)
        return literal(joined(self.folder, resolved)) if is_relative(resolved) and "://" not in resolved else path

    def _file(self, item: Any) -> Any:
        return self._keys(item, "path") if isinstance(item, Mapping) else self._path(item)

    def _keys(self, value: Any, key: str) -> Any:
        return {**value, key: self._path(value[key])} if isinstance(value, Mapping) and value.get(key) else value

    def _volume(self, value: Any) -> Any:
        """A volume of the local driver that is a folder of the host."""
        options = value.get("driver_opts") if isinstance(value, Mapping) else None
        if not isinstance(options, Mapping) or options.get("o") != "bind" or options.get("type") not in (None, "none"):
            return value
        return {**value, "driver_opts": self._keys(options, "device")}

    def _mount(self, mount: Any) -> Any:
        if isinstance(mount, Mapping):
            return self._keys(mount, "source") if mount.get("type") == "bind" else mount
        source, colon, rest = str(self.resolve(mount) or "").partition(":")
        if not colon or not is_file(source) or not is_relative(source):
            return mount
        return literal(f"{joined(self.folder, source)}:{rest}")


def literal(text: str) -> str:
    """A resolved text, so that Compose resolves nothing in it again."""
    return text.replace("$", "$$")
