# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deliveries of the stacks of this host, as role deploy_hook wrote them."""

from __future__ import annotations

import json
import re
from pathlib import Path

from ..contracts.delivery import DeliverySettings, PushSource
from ..core.atomic_files import read_text

FOLDER = Path("/etc/latentum-ops/delivery")
_STACK = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


def file_of(stack: str, folder: Path | None = None) -> Path:
    """The settings of a stack."""
    return (folder or FOLDER) / f"{stack}.json"


def stacks(folder: Path | None = None) -> list[str]:
    """The stacks of this host that releases come to by themselves."""
    return sorted(file.stem for file in (folder or FOLDER).glob("*.json"))


def load(stack: str, folder: Path | None = None) -> DeliverySettings | None:
    """The delivery of a stack; None where it has none.

    :raises ValueError: the file is damaged.
    """
    if not _STACK.fullmatch(stack):
        return None  # also what is no name at all: callers write it into an address
    file = file_of(stack, folder)
    text = read_text(file)
    if text is None:
        return None
    try:
        return DeliverySettings.from_dict(json.loads(text), tolerant=True)
    except ValueError as error:  # no JSON, or of another form
        raise ValueError(f"{file} is damaged ({error}): run site.yml with --tags deploy_hook") from error


def source_of(settings: DeliverySettings, name: str) -> PushSource | None:
    """Who calls, by the end of the address."""
    return next((source for source in settings.push if source.name == name), None)
