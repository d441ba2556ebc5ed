# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of the controller that a declaration names: read once, and kept with it as plain data, so that nothing later reads a disk."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..compose.sources import no_folder
from ..schema.nodes import Refused

RECORDED = "(files of the controller)"  # beside the keys of the declaration, of which none is written so


class Folder(Protocol):
    """C(compose_folder); nothing outside of it is read."""

    def text(self, path: str) -> str | None:
        """The text of a file; None where there is none.

        :raises Refused: it is no text, too large or elsewhere.
        """

    def tree(self, path: str, patterns: Sequence[str]) -> list[dict[str, Any]]:
        """A file, whose path is empty, or all files in a folder: C(path) in it, C(content) by base64, C(executable).

        :param patterns: of paths in the folder; all without any.
        :raises Refused: nothing is there, it is too large, elsewhere, or no plain file.
        """


@dataclass
class Recorder:
    """Reads, and keeps what came of it: what was read, or why it was refused."""

    folder: Folder
    files: dict[str, Any] = field(default_factory=dict)

    def text(self, path: str) -> str | None:
        """As the folder has it."""
        text: str | None = self._kept(path, lambda: self.folder.text(path))
        return text

    def tree(self, path: str, patterns: Sequence[str]) -> list[dict[str, Any]]:
        """As the folder has it."""
        tree: list[dict[str, Any]] = self._kept(_tree_key(path, patterns), lambda: self.folder.tree(path, patterns))
        return tree

    def _kept(self, key: str, read: Callable[[], Any]) -> Any:
        if key not in self.files:
            try:
                self.files[key] = read()
            except Refused as error:
                self.files[key] = {"problem": error.problem, "fix": error.fix}
        return _given(self.files[key])


class Replay:
    """What was recorded."""

    def __init__(self, files: Any) -> None:
        self.files: Mapping[str, Any] | None = files if isinstance(files, Mapping) else None

    def text(self, path: str) -> str | None:
        """As it was read; refused where no folder is declared."""
        if self.files is None:
            return no_folder(path)
        text: str | None = _given(self.files.get(path))
        return text

    def tree(self, path: str, patterns: Sequence[str]) -> list[dict[str, Any]]:
        """As it was read; refused where no folder is declared."""
        if self.files is None:
            no_folder(path)
            return []
        return _given(self.files.get(_tree_key(path, patterns))) or []


def _tree_key(path: str, patterns: Sequence[str]) -> str:
    return json.dumps([path, *patterns])


def _given(recorded: Any) -> Any:
    if isinstance(recorded, Mapping):
        raise Refused(str(recorded["problem"]), str(recorded["fix"]))
    return recorded


def matching(patterns: Sequence[str]) -> Callable[[str], bool]:
    """Whether a path in a folder matches one of the patterns; every path does where there are none."""
    compiled = [re.compile(_expression(pattern)) for pattern in patterns]
    return lambda path: not compiled or any(expression.fullmatch(path) for expression in compiled)


def _expression(pattern: str) -> str:
    words = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return "".join(words.get(part) or re.escape(part) for part in re.split(r"(\*\*/|\*\*|\*|\?)", pattern))
