# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of images that nginx gives out itself: what a release takes out of which image. It stands in the project, as Reload does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core import paths
from .base import Contract, option
from .carried_files import EXTENSION, slot

DAY = 86400


@dataclass(frozen=True)
class StaticFiles(Contract):
    """The files of one route."""

    name: str = option("The folder of the host that nginx reads, within that of the stack.")
    service: str = option("The service whose image has them.")
    folders: Mapping[str, str] = option("Path that browsers ask for, to the folder in the image.")
    keep: float = option("Seconds for which files of a release stay when it is live no more.", 7 * DAY, least=0, most=366 * DAY)


def static_files_of(project: Mapping[str, Any]) -> list[StaticFiles]:
    """Those of a project."""
    given = (project.get(EXTENSION) or {}).get("static") or ()
    return [StaticFiles.from_dict(item, f"{EXTENSION}.static[{index}]", tolerant=True) for index, item in enumerate(given)]


def folder_name(domain: str, path: str) -> str:
    """The folder of a route: its domain, and what tells it from other routes of that domain."""
    return domain if path == "/" else f"{domain}.{slot(path)}"


def folder_of(stack: str, name: str) -> Path:
    """Where nginx reads them on the host."""
    return paths.STATIC / stack / name
