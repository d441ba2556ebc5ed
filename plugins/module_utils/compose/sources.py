# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Compose files of a declaration: one or several, as text, as a mapping, or by name from a folder of the controller."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..schema.nodes import Problem, Refused, close_to, shown
from .yaml_loader import load_documents, require_mapping

# The text of a file by its path from the folder of the Compose files; None where there is none.
# Raises Refused for what is no text, is too large, leaves the folder, or where no folder is declared.
ReadText = Callable[[str], "str | None"]
_KEYS = ("file", "content")
_WRITE = 'write {file: docker-compose.prod.yml, content: "{{ lookup(…) }}"}, or {file: docker-compose.prod.yml} with compose_folder'


def no_folder(path: str) -> str | None:
    """Reads nothing: the declaration names no folder."""
    fix = 'add compose_folder: "{{ inventory_dir }}/app" to ops_stack, the folder in which the Compose file lies'
    raise Refused(f"names the file {path}, and ops_stack does not say in which folder of the controller it is", fix)


@dataclass(frozen=True)
class Source:
    """One Compose file.

    :param name: as messages name it, and its path from the folder of the Compose files; empty for a text without a name.
    :param content: its text, or what is written in the inventory; None where it is read from the folder.
    """

    name: str
    content: str | Mapping[str, Any] | None = None

    @property
    def folder(self) -> str:
        """Of the file, from the folder of the Compose files; empty for that folder itself."""
        return posixpath.dirname(posixpath.normpath(self.name)) if self.name else ""

    def text(self, read: ReadText) -> str | None:
        """The text; None for a mapping.

        :raises Refused: it cannot be read.
        """
        if self.content is not None:
            return self.content if isinstance(self.content, str) else None
        text = read(self.name)
        if text is None:
            raise Refused(f"names {self.name}, which is not there", "correct the name, or put the file into compose_folder")
        return text

    def documents(self, read: ReadText) -> tuple[Mapping[str, Any], ...]:
        """Its documents, with their tags for merging.

        :raises Refused: it cannot be read.
        """
        if isinstance(self.content, Mapping):
            return (self.content,)
        text = self.text(read) or ""
        try:
            return load_documents(text)
        except Refused as error:
            raise Refused(f"{self.name} {error.problem}".strip(), error.fix) from None


def sources_from(value: object, problems: list[Problem]) -> list[Source]:
    """The Compose files of C(ops_stack.compose), in the order in which they are merged."""
    if not isinstance(value, list):
        single = _source(value, "compose", "", problems)
        return [single] if single else []
    if not value:
        problems.append(Problem("compose", shown(value), "names no Compose file", "write one entry for each file, the base first"))
    sources = [_source(item, f"compose[{index}]", f"compose[{index}]", problems) for index, item in enumerate(value)]
    return [source for source in sources if source]


def _source(value: object, key: str, name: str, problems: list[Problem]) -> Source | None:
    if isinstance(value, str) and name and "\n" not in value and value.endswith((".yml", ".yaml")):
        problems.append(Problem(key, shown(value), "is the name of a Compose file, not its text", f"write {{file: {value}}}"))
        return None
    if not isinstance(value, Mapping) or not set(_KEYS) & set(value):
        if isinstance(value, (str, Mapping)):
            return Source(name, value)
        try:
            require_mapping(value)
        except Refused as error:
            problems.append(Problem(key, shown(value), error.problem, error.fix if not name else _WRITE))
        return None
    for other in value:
        if other not in _KEYS:
            near = close_to(other, _KEYS)
            problems.append(Problem(f"{key}.{other}", "", "is not a key here", f"did you mean {near}?" if near else _WRITE))
    file, content = value.get("file"), value.get("content")
    if not isinstance(file, str) or not file:
        problems.append(Problem(f"{key}.file", shown(file), "must be the name of a Compose file", _WRITE))
        return None
    if content is not None and not isinstance(content, (str, Mapping)):
        problems.append(Problem(f"{key}.content", shown(content), "must be the text of a Compose file", _WRITE))
        return None
    return Source(file, content)
