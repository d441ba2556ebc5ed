# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credentials of the receiver: the secrets that sign calls, and no other one, in memory.

The store is root's alone. Root copies what the settings name, with the value before and the next one while a secret is rotated, into a
folder of /run for the receiver's group. Credentials of systemd would be read once, at the start: a rotation would need a restart.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

from ..contracts.delivery import DeliverySettings
from ..core import paths
from ..core.atomic_files import read_text, write_atomic
from ..secretstore import versions
from . import queue, settings

FOLDER = Path("/run/latentum-ops-delivery/secrets")


def copy_of(stack: str, name: str, folder: Path | None = None) -> Path:
    """Where the values of a secret are for the receiver."""
    return (folder or FOLDER) / (hashlib.sha256(f"{stack}/{name}".encode()).hexdigest()[:32] + ".json")


def values(stack: str, name: str, root: Path | None = None) -> list[str]:
    """All values of a secret by which a call may be signed now, the present one first."""
    store = (root or paths.SECRETS) / stack
    made = [versions.read(store, name, version) for version in (versions.NEXT, versions.BESIDE, versions.PREVIOUS)]
    present = [read_text(store / name) or "", *(other.value for other in made if other)]
    return list(dict.fromkeys(value.strip() for value in present if value.strip()))


def publish(load: Callable[[str], DeliverySettings | None], folder: Path | None = None, root: Path | None = None) -> list[str]:
    """Make the copies true, as root; the names of the files that were written or removed.

    :raises OSError: it cannot be done.
    """
    folder = folder or FOLDER
    folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    group = queue.group()
    for path in (folder.parent, folder) if os.geteuid() == 0 else ():
        os.chown(path, 0, group)
        path.chmod(0o750)
    wanted = {
        copy_of(stack, name, folder): json.dumps(values(stack, name, root))
        for stack in settings.stacks()
        if (known := load(stack))
        for name in known.secrets
    }
    changed = []
    for path, text in wanted.items():
        if read_text(path) != text:
            write_atomic(path, text, 0o640, os.geteuid(), group)
            changed.append(path.name)
    for path in folder.glob("*.json"):
        if path not in wanted:
            path.unlink(missing_ok=True)
            changed.append(path.name)
    return changed


def read(stack: str, name: str, folder: Path | None = None) -> list[str]:
    """The values of a secret, as the receiver reads them; empty where there are none."""
    try:
        found = json.loads(read_text(copy_of(stack, name, folder)) or "[]")
    except (OSError, ValueError):
        return []
    return [value for value in found if isinstance(value, str)]
