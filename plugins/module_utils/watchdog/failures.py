# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Failures that are tolerated, such as of writing to a full disk: just then the watchdog must go on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from ..core.journal import log

AGAIN = 5.0  # seconds after which something is tried again for which nothing else sets the pace


class Failures:
    """What fails now. The journal has its beginning and its end, and not each try in between."""

    def __init__(self) -> None:
        self._failed: dict[str, float] = {}

    @contextmanager
    def tolerate(self, what: str) -> Iterator[None]:
        """Do something that may fail with OSError, which ends nothing.

        :param what: names it in the journal, and the same each time: ``saving what is remembered``.
        """
        try:
            yield
        except OSError as error:
            if what not in self._failed:
                # Without the file's name: of a file that is written atomically it is a different one each time.
                log(f"watchdog: {what} fails, and is tried again: {error.strerror or error}")
            self._failed[what] = time.monotonic()
        else:
            if self._failed.pop(what, None) is not None:
                log(f"watchdog: {what} works again")

    def again(self, what: str, now: float) -> bool:
        """It failed last time, and it is time for another try."""
        return what in self._failed and now - self._failed[what] >= AGAIN
