# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Uses of accounts for emergencies: written down when a session begins (pam_exec(8)), told by the watchdog until somebody has seen it."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from ..core.times import moment
from ..core.versioned_json import known_fields, read_state, write_state

FILE = Path("/var/lib/latentum-ops/break_glass.json")
MODE = 0o644  # the watchdog, which is not root, reads it; there is no secret in it
_PLAIN = re.compile(r"[^A-Za-z0-9.:_@%-]")


@dataclass(frozen=True)
class Use:
    """The last use of such an account, and how many there were since somebody looked.

    :param at: epoch seconds.
    :param origin: where from; empty for this host.
    """

    at: float
    account: str
    origin: str
    service: str
    times: int = 1

    def describe(self) -> str:
        """As a sentence without a full stop."""
        often = "" if self.times == 1 else f", the last of {self.times} times"
        return f"{self.account} was used at {moment(self.at)} from {self.origin or 'this host'} by {self.service}{often}"


def load(file: Path | None = None) -> Use | None:
    """The use that nobody has acknowledged; None where there is none.

    A file that cannot be read counts as one.
    """
    try:
        raw = read_state(file or FILE, None)
        return known_fields(Use, raw) if raw else None
    except ValueError:
        return Use(0.0, "an account for emergencies", "somewhere", f"a file that is damaged ({file or FILE})")


def note(environment: Mapping[str, str], now: float) -> Use:
    """Write a use down, as pam_exec says it."""
    before = load()
    said = {name: _PLAIN.sub("?", environment.get(name, ""))[:100] for name in ("PAM_USER", "PAM_RHOST", "PAM_SERVICE")}
    use = Use(now, said["PAM_USER"], said["PAM_RHOST"], said["PAM_SERVICE"], before.times + 1 if before else 1)
    FILE.parent.mkdir(mode=0o751, parents=True, exist_ok=True)
    write_state(FILE, asdict(use), MODE)
    return use


def acknowledge() -> Use | None:
    """Somebody has seen it; what it was."""
    seen = load()
    if seen:
        FILE.unlink()
    return seen


def main() -> None:
    """Run by pam_exec, as root."""
    note(os.environ, time.time())
