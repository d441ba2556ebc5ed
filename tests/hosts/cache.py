# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the test hosts keep what outlives a run: shared by all clones of one user, so that a second clone starts quickly."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CACHE = Path(os.environ.get("LATENTUM_OPS_CACHE") or Path.home() / ".cache" / "latentum-ops")

PATHS = {
    "cache": CACHE,
    "key": CACHE / "id_ed25519",
    "known_hosts": CACHE / "known_hosts",
    "ca": CACHE / "pki" / "ca.pem",
    "pebble-root": CACHE / "pki" / "pebble-root.pem",
    "engine-log": CACHE / "dockerd.log",
    "sftp-key": CACHE / "targets" / "sftp_key",
    "age-identity": CACHE / "targets" / "age_identity",
    "targets": CACHE / "targets" / "targets.json",
}


@contextmanager
def alone(what: str) -> Iterator[None]:
    """One process at a time makes this thing (an image, the network, the services, a key); the others wait and find it."""
    CACHE.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (CACHE / f"{what}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
