# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""State in files of JSON that outlive the engine that wrote them.

The number of the format stands in a file beside (``.format``), once a folder: an engine from before there was a number refuses keys that it
does not know, and reads others as names of services, so none could stand in the files themselves. Within a format, fields may come and
go: a reader passes over those that it does not know, and has a default for those that are absent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from .atomic_files import read_text, write_atomic
from .version import STATE_FORMAT

MARK = ".format"
_Record = TypeVar("_Record")


class NewerState(ValueError):
    """State of a format that this engine does not know; nothing was read or written."""


def format_of(folder: Path) -> int:
    """The format of the files in a folder; 0 from before it was recorded.

    :raises ValueError: the mark is damaged.
    """
    text = (read_text(folder / MARK) or "0").strip()
    if not text.isdigit():
        raise ValueError(f"{folder / MARK} is damaged: write {STATE_FORMAT} into it, or update the engine on this host")
    return int(text)


def require_known(folder: Path) -> int:
    """The format of a folder, which this engine knows.

    :raises NewerState: it does not.
    """
    known = format_of(folder)
    if known > STATE_FORMAT:
        raise NewerState(
            f"{folder} holds state of format {known}, and this engine knows up to {STATE_FORMAT}: a newer engine wrote it; update the"
            " collection latentum.ops where this runs from"
        )
    return known


def read_state(path: Path, default: Any, *, put_aside: bool = False) -> Any:
    """The content of a file; the default where there is none.

    :param put_aside: a damaged file is renamed to ``NAME.damaged``, and the default returned: for what can be done without.
    :raises NewerState: of a newer format.
    :raises ValueError: it is damaged.
    """
    require_known(path.parent)
    text = read_text(path)
    if not text:
        return default
    try:
        return json.loads(text)
    except ValueError as error:
        if not put_aside:
            raise ValueError(f"{path} is damaged: {error}") from error
        path.replace(f"{path}.damaged")
        return default


def write_state(
    path: Path, data: Any, mode: int, uid: int = 0, gid: int = 0, *, indent: int | None = None, sort_keys: bool = False
) -> None:
    """Write a file atomically, and the mark of its folder where it lacks the present one.

    :raises NewerState: the folder is of a newer format.
    :raises OSError: it cannot be written.
    """
    if require_known(path.parent) < STATE_FORMAT:
        write_atomic(path.parent / MARK, f"{STATE_FORMAT}\n", 0o644, uid, gid)
    write_atomic(path, json.dumps(data, indent=indent, sort_keys=sort_keys) + "\n", mode, uid, gid)


def known_fields(record: type[_Record], raw: Mapping[str, Any]) -> _Record:
    """A dataclass from the fields that it has; those that are absent get their defaults.

    :raises ValueError: a field without a default is absent.
    """
    names = {field.name for field in fields(record)}  # type: ignore[arg-type]  # every caller gives a dataclass
    try:
        return record(**{name: value for name, value in raw.items() if name in names})
    except TypeError as error:
        raise ValueError(f"{record.__name__}: {error}") from error
