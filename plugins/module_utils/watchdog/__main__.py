# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The daemon alone, as systemd starts it: without the rest of opsctl it takes a fifth less memory."""

from __future__ import annotations

import sys

from ..core.masking import clean
from ..core.tracebacks import mask_tracebacks
from .daemon import Daemon

if __name__ == "__main__":
    mask_tracebacks()
    try:
        Daemon().run()
    except ValueError as error:
        sys.stderr.write(f"watchdog: {clean(error)}\n")
        raise SystemExit(2) from error
