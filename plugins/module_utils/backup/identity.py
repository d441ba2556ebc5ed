# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The first step of building a lost host again: what only it had, before site.yml makes anything up anew."""

from __future__ import annotations

import shutil
from pathlib import Path

from ..core import paths
from ..core.process import run
from ..core.progress import Progress
from ..release.store import Store
from . import origins
from .settings import BackupError, Settings

# Never replaced where they are: they are brought back only onto a host that has none.
IDENTITY = ("/etc/letsencrypt",)
WORK = Path("/var/lib/latentum-ops/identity")


def bring_back(settings: Settings, source: str, snapshot: str, progress: Progress, plan: str = "") -> list[str]:
    """Secrets and certificates of a lost host, onto a bare one; what was brought back.

    :raises BackupError: the stack lives on this host already; nothing was changed.
    """
    if Store(settings.stack).live():
        raise BackupError(f"{settings.stack} is deployed on this host: its secrets are here; nothing was changed")
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(mode=0o700, parents=True)
    store = paths.SECRETS / settings.stack
    try:
        origin = origins.of_target(settings, source or settings.targets[0].name, snapshot, None, WORK, "host", plan)
        progress.say(f"from {origin.name}, backup of {origins.stamp(float(origin.facts['at']))}")
        tree = origin.fetch(WORK, str(store), *IDENTITY)
        restored = tree / str(store).lstrip("/")
        if not restored.is_dir():
            raise BackupError(f"the backup holds no secrets of {settings.stack}")
        done = []
        for name in [store, *map(Path, IDENTITY)]:
            copy = tree / str(name).lstrip("/")
            if not copy.exists() or (name != store and name.exists() and any(name.iterdir())):
                continue
            # Over the keys that the bundle planted, which are the same.
            run(["cp", "--archive", "--no-target-directory", "--", str(copy), str(name)], timeout=600)
            done.append(str(name))
        return done
    finally:
        shutil.rmtree(WORK, ignore_errors=True)
