# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tracebacks without secrets: an error that nobody expected may hold what somebody else wrote, and ends in the journal or on a terminal."""

from __future__ import annotations

import sys
import threading
import traceback
from types import TracebackType

from .masking import masker


def mask_tracebacks() -> None:
    """From now on, of this process and all its threads."""
    sys.excepthook = _show
    threading.excepthook = _show_of_thread


def _show(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    text = "".join(traceback.format_exception(kind, error, trace))
    sys.stderr.write(masker().mask(text, own=True))
    sys.stderr.flush()


def _show_of_thread(given: threading.ExceptHookArgs) -> None:
    if given.exc_type is not SystemExit:
        _show(given.exc_type, given.exc_value, given.exc_traceback)
