# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in the client: a request every so many seconds, for so long, each printed with its minute and status.

`asks.py URL CA HEADER PAUSE SECONDS`; the header has the key: a limit counts each caller on its own.
"""

from __future__ import annotations

import subprocess
import sys
import time

url, authority, header = sys.argv[1:4]
pause, seconds = map(float, sys.argv[4:6])
begun = time.monotonic()
while (at := time.monotonic() - begun) < seconds:
    argv = ["curl", "-H", header, "-s", "-o", "/dev/null", "-w", "%{http_code}", "--cacert", authority, url]
    print(int(at // 60), subprocess.run(argv, capture_output=True, text=True, check=False).stdout, flush=True)
    time.sleep(max(0.0, pause - (time.monotonic() - begun - at)))
