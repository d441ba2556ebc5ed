# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was done to a host, on that host: the update that is under way, and those before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import Any

from ..core import paths
from ..core.caller import caller
from ..core.masking import line
from ..core.versioned_json import known_fields, read_state, write_state
from ..release.store import now

FOLDER = Path("/var/lib/latentum-ops/patches")
KEPT = 50  # updates that are remembered
LONGEST = 500  # characters of a reason


class Phase(str, Enum):
    """Where an update is, or was when it ended."""

    UPGRADING = "upgrading"
    UPGRADED = "upgraded"
    FINISHED = "finished"
    FAILED = "failed"


# What they mean for whoever goes on.
LEFT = {
    Phase.UPGRADING: "packages may be half installed",
    Phase.UPGRADED: "packages are installed; restarts, the reboot or the look at the services are not done",
}


@dataclass(frozen=True)
class Update:
    """One update of this host.

    :param began: ISO 8601, as is `ended`; empty for one that goes on.
    :param changes: packages, each with ``package``, ``before``, ``after``, ``closes`` (vulnerabilities) and ``security``.
    :param kept: configuration files that stayed as they were.
    :param restarted: units.
    :param left: units that still use replaced files, each with the reason.
    :param reboot_due: why a reboot is due.
    :param seconds: how long each step took.
    :param advisories: why nothing is known of the vulnerabilities; empty where something is.
    :param exemption: why it was done although an error budget is nearly spent.
    """

    began: str
    phase: str = Phase.UPGRADING.value
    ended: str = ""
    who: str = ""
    scope: str = ""
    changes: tuple[Mapping[str, Any], ...] = ()
    kept: tuple[str, ...] = ()
    restarted: tuple[str, ...] = ()
    left: Mapping[str, str] = field(default_factory=dict)
    reboot_due: tuple[str, ...] = ()
    rebooted: bool = False
    seconds: Mapping[str, float] = field(default_factory=dict)
    advisories: str = ""
    exemption: str = ""
    reason: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    @property
    def unfinished(self) -> bool:
        """It was begun, and nobody has ended it."""
        return self.phase in (Phase.UPGRADING.value, Phase.UPGRADED.value)


def begin(scope: str, exemption: str = "") -> Update:
    """A new one; what one before it has left is a part of it."""
    before = current()
    fresh = Update(now(), who=caller(), scope=scope, exemption=exemption)
    if before and (before.unfinished or before.phase == Phase.FAILED.value):
        fresh = replace(fresh, changes=before.changes, kept=before.kept, seconds=before.seconds, advisories=before.advisories)
    return keep(fresh)


def keep(update: Update) -> Update:
    """Write where it is."""
    paths.shared_folder(FOLDER, paths.LISTED)
    write_state(_file(), update.as_dict(), paths.READABLE, gid=paths.watchdog_gid(), indent=1)
    return update


def end(phase: Phase, *, rebooted: bool = False, reason: str = "", seconds: Mapping[str, float] | None = None) -> Update | None:
    """The update under way is over; None where none was."""
    known = current()
    if known is None or not (known.unfinished or (known.phase == Phase.FAILED.value and phase is Phase.FINISHED)):
        return None
    ended = replace(
        known,
        phase=phase.value,
        ended=now(),
        rebooted=known.rebooted or rebooted,
        reason=line(reason, LONGEST) if reason else "",
        reboot_due=() if rebooted else known.reboot_due,
        seconds={**known.seconds, **(seconds or {})},
    )
    keep(ended)
    write_state(FOLDER / f"{ended.began.replace(':', '')}.json", ended.as_dict(), paths.READABLE, gid=paths.watchdog_gid(), indent=1)
    for old in _ended()[:-KEPT]:
        old.unlink(missing_ok=True)
    return ended


def current() -> Update | None:
    """The last update, ended or not; None before the first, and for a record that is damaged."""
    raw = read_state(_file(), None, put_aside=True)
    return _read(raw) if raw else None


def history() -> list[Update]:
    """Those that have ended, the last one first."""
    return [_read(raw) for file in reversed(_ended()) if (raw := read_state(file, None, put_aside=True))]


def _read(raw: Mapping[str, Any]) -> Update:
    known = known_fields(Update, raw)
    lists = {name: tuple(getattr(known, name)) for name in ("changes", "kept", "restarted", "reboot_due")}
    return replace(known, **lists)  # type: ignore[arg-type]  # lists of JSON


def _ended() -> list[Path]:
    return sorted(FOLDER.glob("2*.json"))


def _file() -> Path:
    return FOLDER / "current.json"
