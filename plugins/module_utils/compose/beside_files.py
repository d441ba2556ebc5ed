# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Env files and label files beside the Compose file: what stands in them becomes part of their services.

A host has no such file, and a value that changes there would change no container. So they are read on the controller; C(environment:) and
C(labels:) win, as they do for Compose.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..schema.nodes import Problem, Refused, shown
from .dotenv import Dialect, variables_of
from .interpolation import Interpolation
from .paths import is_relative
from .scalars import as_text
from .sources import ReadText, no_folder

OWN = ".env"  # is made of the environment of the declaration


@dataclass
class BesideFiles:
    """Takes the files of services in.

    :param folder: of the project, from that of the Compose files.
    """

    folder: str
    interpolation: Interpolation
    read: ReadText
    problems: list[Problem]

    def taken_in(self, raw: Mapping[str, Any]) -> Mapping[str, Any]:
        """The project with what stands in these files. Those that are not there, and need not be, stay for the host to look for."""
        if self.read is no_folder:
            return raw
        services = {name: self._service(name, value) if isinstance(value, Mapping) else value for name, value in raw["services"].items()}
        return {**raw, "services": services}

    def _service(self, name: str, service: Mapping[str, Any]) -> Mapping[str, Any]:
        result = dict(service)
        for key, into in (("env_file", "environment"), ("label_file", "labels")):
            given = service.get(key)
            entries = given if isinstance(given, list) else [given] if given else []
            kept: list[Any] = []
            variables: dict[str, str] = {}
            for index, entry in enumerate(entries):
                place = f"compose.services.{name}.{key}" + (f"[{index}]" if isinstance(given, list) else "")
                values = self._values(entry, place, self._environment(service) if key == "env_file" else {}, variables)
                if values is None:
                    kept.append(entry)
                    continue
                later_own = any(self._path(other) == OWN for other in entries[index:])
                variables |= {
                    variable: value for variable, value in values.items() if not (later_own and variable in self.interpolation.environment)
                }
            if len(kept) == len(entries):
                continue
            result.pop(key)
            if kept:
                result[key] = kept
            literal = {variable: value.replace("$", "$$") for variable, value in variables.items()}
            result[into] = {**literal, **_mapping(service.get(into), None if into == "environment" else "")}
        return result

    def _path(self, entry: Any) -> str:
        path = entry.get("path") if isinstance(entry, Mapping) else entry
        resolved = Interpolation(self.interpolation.environment).resolve(path, "")
        return posixpath.normpath(resolved) if isinstance(resolved, str) and resolved else ""

    def _environment(self, service: Mapping[str, Any]) -> dict[str, str]:
        """What variables in an env file mean: those of the project, then those of the service itself."""
        own = Interpolation(self.interpolation.environment).resolve(dict(_mapping(service.get("environment"), None)), "")
        return {**{name: as_text(value) for name, value in own.items() if value is not None}, **self.interpolation.environment}

    def _values(self, entry: Any, key: str, environment: Mapping[str, str], earlier: Mapping[str, str]) -> dict[str, str] | None:
        """The values of a file; None where it is not read here."""
        path = self._path(entry)
        if not is_relative(path) or (path == OWN and ".env_file" in key):
            return None
        options = entry if isinstance(entry, Mapping) else {}
        try:
            dialect = Dialect(options.get("format") or "")
        except ValueError:
            self.problems.append(
                Problem(f"{key}.format", shown(options.get("format")), "is no format of an env file", "write raw, or remove it")
            )
            return {}
        try:
            text = self.read(posixpath.normpath(posixpath.join(self.folder, path)))
            if text is None:
                if options.get("required") in (False, "false"):
                    return None
                raise Refused(
                    f"names {path}, which is not in compose_folder", "correct the path, put the file there, or write required: false"
                )
            values = variables_of(text, environment, dialect, earlier)
        except Refused as error:
            self.problems.append(Problem(key, shown(path), error.problem, error.fix))
            return {}
        self._note_use(text, key)
        return values

    def _note_use(self, text: str, key: str) -> None:
        """Variables of the declaration that the file uses are used."""
        for name in self.interpolation.environment:
            if re.search(rf"\$\{{?{re.escape(name)}\b|^{re.escape(name)}[ \t]*$", text, re.MULTILINE):
                self.interpolation.used.setdefault(name, []).append(key)


def _mapping(given: Any, unset: Any) -> Mapping[str, Any]:
    if isinstance(given, list):
        pairs: Sequence[tuple[str, str, str]] = [str(item).partition("=") for item in given]
        return {name: text if sign else unset for name, sign, text in pairs}
    return given if isinstance(given, Mapping) else {}
