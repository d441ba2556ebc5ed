# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Windows of time: a calendar expression of systemd says when one begins, a duration how long it lasts.

systemd itself reads the expression, in the time zone of the host, so that a window begins when a timer of the same words would.
"""

from __future__ import annotations

import re
from datetime import datetime

from .process import run

_ELAPSES = re.compile(r"^\s*(?:\(in UTC\)|Next elapse): \w+ (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC$", re.MULTILINE)


def next_start(start: str, after: float) -> float:
    """The first time of a calendar expression after another time, as systemd reads it in the time zone of the host; infinite for none.

    :raises CommandError: it is none.
    """
    shown = run(["systemd-analyze", "calendar", f"--base-time=@{int(after)}", start]).stdout
    found = _ELAPSES.findall(shown)
    return datetime.fromisoformat(f"{found[-1]}+00:00").timestamp() if found else float("inf")


def inside(start: str, lasts: float, now: float) -> float:
    """When the window ends that it is in now (epoch seconds); 0 where it is in none.

    :param lasts: seconds.
    :raises CommandError: the expression is none.
    """
    begins = next_start(start, now - lasts)
    return begins + lasts if begins <= now else 0.0
