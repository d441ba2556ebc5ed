# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Room: file systems and swap; whether it is enough is a matter of the preflight."""

from __future__ import annotations

from collections.abc import Iterator

from ...core.format import size
from ..finding import Finding, Given


def judge(given: Given) -> Iterator[Finding]:
    """A finding a file system, and one for swap."""
    for space in given.survey.storage.space:
        yield Finding("file system", space.mount, f"{size(space.free)} free of {size(space.size)}")
    areas = given.survey.storage.swap
    yield Finding("swap", ", ".join(area.path for area in areas) or "none", size(sum(area.size for area in areas)) if areas else "")
