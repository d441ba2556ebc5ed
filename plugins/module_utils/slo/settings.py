# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objectives of the stacks of this host, as a deployment wrote them."""

from __future__ import annotations

import json
from pathlib import Path

from ..contracts.error_budget import SloSettings
from ..core.atomic_files import read_text

FOLDER = Path("/etc/latentum-ops/slo")


def file_of(stack: str) -> Path:
    """The settings of a stack."""
    return FOLDER / f"{stack}.json"


def text_of(settings: SloSettings) -> str:
    """The content of that file."""
    return json.dumps(settings.to_dict(), indent=1, sort_keys=True) + "\n"


def load(stack: str) -> SloSettings | None:
    """The objectives of a stack; None where it has none.

    :raises ValueError: the file is damaged.
    """
    text = read_text(file_of(stack))
    if text is None:
        return None
    try:
        return SloSettings.from_dict(json.loads(text), tolerant=True)
    except ValueError as error:  # no JSON, or of another form
        raise ValueError(f"{file_of(stack)} is damaged ({error}): run site.yml with --tags stack") from error
