# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proxy alone, as systemd starts it."""

from __future__ import annotations

from ..core.tracebacks import mask_tracebacks
from .daemon import main

if __name__ == "__main__":
    mask_tracebacks()
    raise SystemExit(main())
