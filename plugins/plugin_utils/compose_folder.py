# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder of the controller in which Compose files lie: what a declaration names is read from it, and nothing outside of it."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ..module_utils.contracts.carried_files import MOST_BYTES
from ..module_utils.declaration.controller_files import matching
from ..module_utils.declaration.loader import with_files
from ..module_utils.schema.nodes import Refused
from .as_written import as_written

LARGEST = 1 << 20  # bytes of a file
MOST_FILES = 500  # in a folder that is carried


def complete(stack: Any) -> Any:
    """C(ops_stack) as it was written, with the files that it names."""
    return with_files(as_written(stack), ComposeFolder)


class ComposeFolder:
    """Symbolic links are followed within it."""

    def __init__(self, folder: str) -> None:
        self.root = Path(folder)

    def text(self, path: str) -> str | None:
        """The text of a file; None where there is none.

        :raises Refused: it is no text, too large, or elsewhere.
        """
        file = self._inside(path)
        if not file.exists():
            return None
        if not file.is_file():
            raise Refused(f"names {path}, which is no file", "write the path of a file")
        try:
            return self._bytes(file, path).decode()
        except UnicodeDecodeError:
            raise Refused(f"names {path}, which is no text in UTF-8", "correct the file, or name another one") from None

    def tree(self, path: str, patterns: Sequence[str]) -> list[dict[str, Any]]:
        """A file, or all files in a folder that match.

        :raises Refused: nothing is there, it is too large, elsewhere, or no plain file.
        """
        top = self._inside(path)
        if top.is_file():
            return [self._file(top, "", path)]
        if not top.is_dir():
            raise Refused(
                f"names {path}, which is not in compose_folder", "put it there, write source:, or on_host: true where the host has it"
            )
        wanted = matching(patterns)
        files: list[dict[str, Any]] = []
        size = 0
        for file in sorted(_files(top)):
            name = file.relative_to(top).as_posix()
            if not wanted(name):
                continue
            files.append(self._file(file, name, f"{path}/{name}"))
            size += len(files[-1]["content"]) * 3 // 4
            if len(files) > MOST_FILES or size > MOST_BYTES:
                what = f"names the folder {path}, which has more than {MOST_FILES} files or {MOST_BYTES >> 20} MiB"
                raise Refused(what, "name the files that are needed by patterns:, and put large data into a volume or an image")
        if not files:
            raise Refused(f"names the folder {path}, in which no file {'matches' if patterns else 'is'}", "correct the path or patterns:")
        return files

    def _inside(self, path: str) -> Path:
        if not self.root.is_dir():
            raise Refused(f"needs {path}, and compose_folder {self.root} is no folder of the controller", "correct compose_folder")
        file = self.root / path
        if not file.resolve().is_relative_to(self.root.resolve()):
            raise Refused(f"leaves compose_folder ({path})", "copy the file into it, or declare a compose_folder further up")
        return file

    def _file(self, file: Path, name: str, path: str) -> dict[str, Any]:
        self._inside(str(file.relative_to(self.root)))
        if not file.is_file():
            raise Refused(f"names {path}, which is no plain file", "leave it out by patterns:; a link to a folder is not followed")
        content = base64.b64encode(self._bytes(file, path)).decode()
        return {"path": name, "content": content, "executable": os.access(file, os.X_OK)}

    @staticmethod
    def _bytes(file: Path, path: str) -> bytes:
        try:
            if file.stat().st_size > LARGEST:
                raise Refused(
                    f"names {path}, which is larger than {LARGEST >> 20} MiB", "name a smaller file, or put it into a volume or an image"
                )
            return file.read_bytes()
        except OSError as error:
            raise Refused(f"names {path}, which cannot be read ({error.strerror})", "correct the file, or name another one") from None


def _files(top: Path) -> Iterator[Path]:
    """Everything in a folder that is no folder itself; links to folders are such, too."""
    for folder, folders, names in os.walk(top):
        yield from (Path(folder) / name for name in names)
        yield from (Path(folder) / name for name in folders if (Path(folder) / name).is_symlink())
