# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the test hosts keep what outlives a run: shared by all clones of one user, so that a second clone starts quickly."""

from __future__ import annotations

import os
from pathlib import Path

CACHE = Path(os.environ.get("LATENTUM_OPS_CACHE") or Path.home() / ".cache" / "latentum-ops")

PATHS = {
    "cache": CACHE,
    "key": CACHE / "id_ed25519",
    "known_hosts": CACHE / "known_hosts",
    "ca": CACHE / "pki" / "ca.pem",
    "pebble-root": CACHE / "pki" / "pebble-root.pem",
    "engine-log": CACHE / "dockerd.log",
}
