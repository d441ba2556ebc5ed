# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Configuration from the environment, secrets from the files that it names."""

from __future__ import annotations

import os
from pathlib import Path


def setting(name: str, default: str | None = None) -> str:
    """The value of NAME, or the content of the file that NAME_FILE names (which wins).

    :raises SystemExit: neither is there and there is no default; says which to set.
    """
    if file := os.environ.get(f"{name}_FILE"):
        try:
            return Path(file).read_text().strip()
        except OSError as error:
            raise SystemExit(f"{name}_FILE: {error}") from error
    value = os.environ.get(name, default)
    if value is None:
        raise SystemExit(f"set {name}_FILE (or {name})")
    return value
