# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Room on the disk: images, logs and backups need it, and a full one stops a run half-way."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from typing import Any

from ..schema.nodes import Problem
from .host import Host

PLACE = "/var"
MIB = 1024 * 1024


def room(_host: Host, wanted: Mapping[str, Mapping[str, Any]]) -> Iterator[Problem]:
    """Less is free than the run may begin with."""
    least = int(wanted["base"]["minimum_free"])
    free = shutil.disk_usage(PLACE).free // MIB
    if free < least:
        fix = f"make room below {PLACE}, or lower base_minimum_free ({least})"
        yield Problem("base_minimum_free", "", f"{free} MiB are free below {PLACE}, and {least} MiB are the least to begin with", fix)
