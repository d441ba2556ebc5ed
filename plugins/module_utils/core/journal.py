# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Log lines of the engine's services, with a level that journald understands."""

from __future__ import annotations

import os
import sys
from enum import IntEnum

from .masking import hide


class Level(IntEnum):
    """Levels of syslog(3); journald takes them from a prefix of the line (sd-daemon(3))."""

    ERROR = 3
    WARNING = 4
    INFO = 6


def log(text: str, level: Level = Level.INFO) -> None:
    """Write a line, each line of a longer text with its level, without the values of secrets; a terminal sees the text alone."""
    prefix = f"<{level.value}>" if "JOURNAL_STREAM" in os.environ and level is not Level.INFO else ""
    sys.stdout.write("".join(f"{prefix}{line}\n" for line in hide(text).split("\n")))
    sys.stdout.flush()
