# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers that somebody has started by hand and that a release took over as they are.

They have none of the labels by which those of a release are known, and no container gets a label after its start. So it is written down
for which definition each stands: /var/lib/latentum-ops/stacks/<stack>/taken_over.json. An id is never given twice; one whose container is
gone says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from ..core import paths
from ..core.versioned_json import known_fields, read_state, write_state


@dataclass(frozen=True)
class Standing:
    """What a container stands for: the values of the labels that it lacks."""

    definition: str = ""
    uses: str = ""


def _path(stack: str) -> Path:
    return paths.RELEASES / stack / "taken_over.json"


def known(stack: str) -> dict[str, Standing]:
    """Containers by their ids. Nothing to whoever may not read the state of releases, and has no use for it."""
    try:
        raw = read_state(_path(stack), {}) if stack else {}
    except PermissionError:
        return {}
    return {str(identity): known_fields(Standing, entry) for identity, entry in raw.items()}


def put(stack: str, taken: Mapping[str, Standing]) -> None:
    """Write down which containers were taken over, beside those that are known."""
    every = {**known(stack), **taken}
    write_state(_path(stack), {identity: asdict(standing) for identity, standing in every.items()}, 0o600)
