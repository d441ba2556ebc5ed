# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON lines on standard output."""

from __future__ import annotations

import datetime
import json
import logging
import sys

from .config import Settings

log = logging.getLogger("latentum")


class _Lines(logging.Formatter):
    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.identity = settings.identity.shown()

    def format(self, record: logging.LogRecord) -> str:
        when = datetime.datetime.fromtimestamp(record.created, datetime.UTC).isoformat(timespec="milliseconds")
        line = {"time": when, "level": record.levelname.lower(), **self.identity, "message": record.getMessage()}
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line)


def begin(settings: Settings) -> None:
    """Send everything that is logged to standard output, one JSON object a line."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_Lines(settings))
    logging.basicConfig(level=settings.log_level, handlers=[handler], force=True)


def short(error: BaseException) -> str:
    """One line about an error, for a health answer or a log. Drivers put hosts and users into it, never passwords."""
    said = " ".join(str(error).split())[:200]
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
