# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The upstreams that the stacks of a host declare, without what renders them."""

from __future__ import annotations

import json
from pathlib import Path

from ..contracts.upstreams import Upstream, upstreams_from
from ..core.atomic_files import understood


def upstreams_of(folder: Path) -> list[Upstream]:
    """All in the files of a folder.

    :raises ValueError: a file cannot be understood; the message names it.
    """
    upstreams: list[Upstream] = []
    for file in sorted(folder.glob("*.json")):
        with understood(file):
            upstreams += upstreams_from(json.loads(file.read_text()))
    return upstreams
