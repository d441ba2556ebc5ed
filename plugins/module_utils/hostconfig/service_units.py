# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Units of systemd: what several of them are, in one question, and what brings them to a wanted state."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ..core.process import CommandError, run

PROPERTIES = ("Id", "LoadState", "ActiveState", "UnitFileState")
# systemctl(1), is-enabled: the states that `enable` and `disable` change; a static, indirect or generated unit has nothing to link.
_TO_ENABLE = {"disabled", "enabled-runtime", "linked", "linked-runtime", "masked", "masked-runtime"}
_TO_DISABLE = {"enabled", "enabled-runtime"}
_RUNNING = {"active", "reloading", "activating"}
# What a wanted state means for a unit that runs, and for one that does not; None leaves it.
_ACTIONS: dict[str, tuple[str | None, str | None]] = {
    "started": (None, "start"),
    "stopped": ("stop", None),
    "restarted": ("restart", "start"),
    "reloaded": ("reload-or-restart", "start"),
}
STATES = tuple(_ACTIONS)


class UnitError(Exception):
    """A unit that is not installed, is masked, or did not reach its state."""


@dataclass(frozen=True)
class Unit:
    """One unit as systemd knows it.

    :ivar load: LoadState: ``loaded``, ``not-found``, ``masked``, …
    :ivar active: ActiveState: ``active``, ``inactive``, ``failed``, …
    :ivar file: UnitFileState: ``enabled``, ``disabled``, ``static``, …; empty without a file.
    """

    name: str
    load: str
    active: str
    file: str

    @property
    def installed(self) -> bool:
        """Whether systemd has a file of it; an instance of a template that is installed counts."""
        return self.load != "not-found"

    @property
    def running(self) -> bool:
        """Whether it runs or is about to."""
        return self.active in _RUNNING

    def described(self) -> str:
        """``nginx.service: active, enabled``"""
        return f"{self.name}: {self.active}, {self.file or 'no unit file'}" if self.installed else f"{self.name}: not installed"


@dataclass(frozen=True)
class Step:
    """One call of systemctl for a unit."""

    verb: str
    unit: str

    def __str__(self) -> str:
        return f"{self.verb} {self.unit}"


def look(names: Sequence[str]) -> dict[str, Unit]:
    """The units of these names, by name.

    :raises CommandError: systemd does not answer.
    """
    if not names:  # of which `systemctl show` would tell systemd's own properties
        return {}
    output = run(["systemctl", "show", f"--property={','.join(PROPERTIES)}", "--", *names]).stdout
    blocks = [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in output.strip().split("\n\n")]
    return {
        name: Unit(name, block.get("LoadState", ""), block.get("ActiveState", ""), block.get("UnitFileState", ""))
        for name, block in zip(names, blocks, strict=True)
    }


def steps(units: Iterable[Unit], state: str | None, enabled: bool | None) -> Iterator[Step]:
    """What brings the units to that state, in the order in which they are given.

    A unit that is not installed needs nothing in order to be stopped.
    """
    for unit in units:
        if not unit.installed and state in {None, "stopped"} and not enabled:
            continue
        if enabled and (unit.file in _TO_ENABLE or not unit.installed):
            yield Step("enable", unit.name)
        if enabled is False and unit.file in _TO_DISABLE:
            yield Step("disable", unit.name)
        verb = _ACTIONS[state][0 if unit.running else 1] if state else None
        if state == "stopped" and unit.active == "failed":
            verb = "reset-failed"  # what is meant to be off is not an alarm of its own
        if verb:
            yield Step(verb, unit.name)


def refuse_impossible(units: Iterable[Unit], planned: Iterable[Step]) -> None:
    """Raise before anything changes when a step is for a unit that cannot take it.

    :raises UnitError: names the unit and what helps.
    """
    wanted = {step.unit for step in planned}
    for unit in units:
        if unit.name in wanted and not unit.installed:
            raise UnitError(f"{unit.name} is not installed: no unit file of this name exists on the host")
        if unit.name in wanted and unit.load == "masked":
            raise UnitError(f"{unit.name} is masked, so systemd will not start it: `systemctl unmask {unit.name}` if that is not intended")


def take(step: Step, *, block: bool = True) -> None:
    """One step, and for a unit that fails its last words.

    :raises UnitError: what systemctl and the unit's journal said.
    """
    try:
        run(["systemctl", *([] if block else ["--no-block"]), step.verb, "--", step.unit], timeout=None)
    except CommandError as error:
        journal = run(["journalctl", "--unit", step.unit, "--lines", "15", "--no-pager", "--output", "cat"], check=False)
        raise UnitError(f"{error}\nLast lines of its journal:\n{journal.shown(2000) or '(none)'}") from error
