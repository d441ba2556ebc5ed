# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The healthcheck of all three: a URL that must answer 200, or a file that must be fresh."""

from __future__ import annotations

import sys
import time
import urllib.error
import urllib.request
from pathlib import Path


def main(target: str) -> int:
    """0 when healthy, else 1 with the reason on standard output, where Docker keeps it."""
    if target.startswith("/"):
        age = time.time() - Path(target).stat().st_mtime if Path(target).exists() else float("inf")
        print(f"last sign of life {age:.0f} s ago")
        return 0 if age < 30 else 1
    try:
        with urllib.request.urlopen(target, timeout=4) as answer:
            print(answer.read(500).decode())
    except urllib.error.HTTPError as error:
        print(error.code, error.read(500).decode())
        return 1
    except OSError as error:
        print(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
