# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What opsctl prints: lines for people, or one JSON object for programs."""

from __future__ import annotations

import json
import os
import select
import shutil
import sys
from collections.abc import Callable, Mapping
from typing import Any

from ..core.format import WIDTH
from ..core.masking import hide

NARROWEST = 40  # columns below which a table would say nothing any more
CLOSED = 141  # exit status of a program whose reader went away, as a shell shows it (128 + SIGPIPE)


class OutputClosed(Exception):
    """Whoever read the output is gone, as `head` is after its lines: there is nobody to tell anything."""


def say(text: str) -> None:
    """A line for the operator, without the values of secrets.

    :raises OutputClosed: nobody reads any more.
    """
    disclose(hide(text))


def disclose(text: str) -> None:
    """A line as it is: for what is hidden already, and for secrets that were asked for.

    :raises OutputClosed: nobody reads any more.
    """
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except BrokenPipeError as error:
        raise OutputClosed from error
    except UnicodeEncodeError:  # a terminal of another character set
        sys.stdout.buffer.write(f"{text}\n".encode(sys.stdout.encoding or "ascii", errors="replace"))
        sys.stdout.flush()


def aside(text: str) -> None:
    """A line beside the result, which may go on to another program, without the values of secrets."""
    sys.stderr.write(f"{hide(text)}\n")
    sys.stderr.flush()


def leave() -> int:
    """Forget what cannot be written any more, so that the end of the process does not try; its exit status."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return CLOSED


def reader_left() -> bool:
    """Whether the other end of a pipe was closed, which a program that has nothing to write would not notice (poll(2), POLLERR)."""
    watch = select.poll()
    watch.register(sys.stdout.fileno(), 0)
    return any(event & select.POLLERR for _descriptor, event in watch.poll(0))


def terminal_width() -> int:
    """Columns of the terminal; of a pipe or a file the usual ones."""
    return max(NARROWEST, shutil.get_terminal_size((WIDTH, 24)).columns) if sys.stdout.isatty() else WIDTH


class Output:
    """Where a verb leaves its result, and says how it goes on.

    :param as_json: one JSON object on standard output, and everything else beside it.
    """

    def __init__(self, *, as_json: bool = False, write: Callable[[str], None] = say, beside: Callable[[str], None] = aside) -> None:
        self.as_json = as_json
        self._write, self._beside = write, beside

    def line(self, text: str) -> None:
        """How it goes on."""
        (self._beside if self.as_json else self._write)(text)

    def result(self, data: Mapping[str, Any], text: str | None) -> None:
        """What came of it.

        :param text: for people; None where the lines before have said all.
        """
        if self.as_json:
            self._write(json.dumps(data, indent=2))
        elif text is not None:
            self._write(text)

    def secrets(self, data: Mapping[str, Any]) -> None:
        """Keys to whoever asked for them: an object that is used as it is, and the only one in which nothing is hidden."""
        (disclose if self._write is say else self._write)(json.dumps(data, indent=1, sort_keys=True))
