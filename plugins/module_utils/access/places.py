# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the rules of sudo lie, and the one program that they name for whoever is no admin."""

from __future__ import annotations

from pathlib import Path

SUDOERS = Path("/etc/sudoers.d")
SUDOERS_PREFIX = "latentum-access-"
SCOPED = Path("/usr/local/lib/latentum-ops/scoped")
COMMAND = SCOPED / "opsctl"
# `sudo opsctl` is found there first, so that nobody has to know another name.
SCOPED_PATH = f"{SCOPED}:/usr/sbin:/usr/bin:/sbin:/bin"
