# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Maintenance: somebody works here until a time, so the watchdog neither tells nor heals."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path

from ..core.caller import caller
from ..core.versioned_json import known_fields, read_state, write_state
from ..release.stacks import stacks

FILE = Path("/var/lib/latentum-ops/watchdog/maintenance.json")
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
LONGEST = 14 * 86400  # seconds: what has no end is forgotten


class Purpose(str, Enum):
    """Who ends a window: a person who has begun it, or the restore that has."""

    PERSON = ""
    RESTORE = "restore"


@dataclass(frozen=True)
class Window:
    """One window.

    :param scope: ``host`` for everything, ``STACK``, or ``STACK/SERVICE``.
    :param since: epoch seconds, as is `until`.
    """

    scope: str
    reason: str
    who: str
    since: float
    until: float
    purpose: str = Purpose.PERSON.value

    def covers(self, key: str) -> bool:
        """The key of an incident falls into it."""
        return self.scope == "host" or key == self.scope or key.startswith(f"{self.scope}/")

    def describe(self) -> str:
        """As a sentence."""
        return f"maintenance of {self.scope} by {self.who}: {self.reason}"


def load() -> list[Window]:
    """The windows that have not ended."""
    try:
        windows = [known_fields(Window, item) for item in read_state(FILE, [])]
    except ValueError:
        return []  # damaged by hand: alarms that come are better than a watchdog that does not
    return [window for window in windows if window.until > time.time()]


def present(scope: str, reason: str, duration: str, *, check: bool = False, purpose: Purpose = Purpose.PERSON) -> tuple[bool, list[Window]]:
    """Begin a window, or give the one of this scope another reason or end; whether that changes anything, and all windows then.

    :param scope: ``host``, a stack of this host, or one of its services.
    :raises ValueError: an unknown scope, no reason, or no sensible end.
    """
    if not reason.strip():
        raise ValueError("maintenance: reason: say why, such as 'moving the database'")
    _require_known(scope)
    now, lasts = time.time(), seconds(duration)
    known = load()
    mine = next((window for window in known if window.scope == scope), None)
    if mine and mine.reason == reason.strip() and mine.until - mine.since >= lasts:
        return False, known
    window = Window(scope, reason.strip(), caller(), mine.since if mine else now, now + lasts, purpose.value)
    windows = [*(window for window in known if window.scope != scope), window]
    if not check:
        _write(windows)
    return True, windows


def absent(scope: str, *, check: bool = False) -> tuple[bool, list[Window]]:
    """End the window of a scope; whether there was one, and those that are left.

    :raises ValueError: an unknown scope.
    """
    known = load()
    left = [window for window in known if window.scope != scope]
    if left == known:
        _require_known(scope)
        return False, known
    if not check:
        _write(left)
    return True, left


def seconds(text: str) -> float:
    """``90s``, ``30m``, ``2h``, ``1d``, up to 14 days.

    :raises ValueError: anything else.
    """
    match = re.fullmatch(r"(\d+)([smhd])", text.strip())
    lasts = int(match[1]) * UNITS[match[2]] if match else 0
    if not 0 < lasts <= LONGEST:
        raise ValueError(f"maintenance: duration {text!r}: write a number and s, m, h or d, up to 14d, such as 30m")
    return lasts


def _require_known(scope: str) -> None:
    known: dict[str, list[str]] = {"host": []} | {
        str(stack["name"]): [str(service["service"]) for service in stack["services"]] for stack in stacks()
    }
    stack, _slash, service = scope.partition("/")
    if stack not in known or (service and service not in known[stack]):
        choice = known[stack] if stack in known else list(known)
        raise ValueError(f"maintenance: scope {scope!r}: write one of {', '.join(choice) or 'host'}")


def covering(windows: Sequence[Window], key: str) -> Window | None:
    """The window that covers a key."""
    return next((window for window in windows if window.covers(key)), None)


def _write(windows: Sequence[Window]) -> None:
    FILE.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    # A person's window is written as an older engine knows it.
    plain = [{name: value for name, value in asdict(window).items() if name != "purpose" or value} for window in windows]
    write_state(FILE, plain, 0o644)
