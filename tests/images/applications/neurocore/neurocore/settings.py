# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings from the environment; secrets from the files that their ``_FILE`` names."""

from __future__ import annotations

import os
from pathlib import Path

VERSION = os.environ.get("VERSION", "0.0.0")


def secret(name: str) -> str:
    """A secret by the name of its variable.

    :raises SystemExit: there is none; the message names the variable and never a value.
    """
    path = os.environ.get(f"{name}_FILE")
    value = Path(path).read_text(encoding="utf-8").strip() if path else os.environ.get(name, "")
    if not value:
        raise SystemExit(f"{name} is missing: set {name}_FILE to the path of a file, or {name} itself")
    return value
