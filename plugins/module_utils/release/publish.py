# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The live release where operators look for it: /opt/<stack> for `docker compose`, /etc/latentum-ops/stacks for opsctl."""

from __future__ import annotations

import json
from pathlib import Path

from ..core import paths
from ..hostconfig.entries import Change, Entry
from ..hostconfig.transaction import ConfigSet, apply
from .store import Release, compose_text, environment_text


def write(release: Release, *, check: bool = False) -> list[Change]:
    """Write the files of a release; returns what was, or would be, changed."""
    directory = Path(release.directory)
    description = json.dumps(release.description(), indent=4, sort_keys=True) + "\n"
    wanted = ConfigSet(
        name=f"stack-{release.stack}",
        entries=[
            Entry(path=directory, state="directory", mode=0o750),
            Entry(path=directory / "compose.yaml", content=compose_text(release.project).encode(), mode=0o640),
            Entry(path=directory / ".env", content=environment_text(release.environment).encode(), mode=0o640),
            Entry(path=paths.STACKS.parent, state="directory", mode=0o755),
            Entry(path=paths.STACKS, state="directory", mode=0o755),
            Entry(path=paths.STACKS / f"{release.stack}.json", content=description.encode()),
        ],
        parents=True,
    )
    return apply(wanted, check_mode=check).changes
