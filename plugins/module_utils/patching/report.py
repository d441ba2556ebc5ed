# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of one run over several hosts: what was changed, and where a run that stopped has left them; as a table and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import Any

from ..core.format import columns, duration, fitted, markdown_table

WIDTH = 160


class Outcome(str, Enum):
    """What became of a host."""

    UPDATED = "updated"
    PREDICTED = "would be updated"
    NOTHING = "nothing to do"
    FAILED = "failed"
    UNREACHED = "not reached"
    NOT_BEGUN = "not begun"


@dataclass(frozen=True)
class HostReport:
    """One host.

    :param step: where it stopped; empty for one that did not.
    :param drained: load balancers give it no traffic.
    :param update: what the host has recorded of it (`record.Update`).
    :param waiting: newer versions that stay, each with ``package`` and ``why``.
    """

    host: str
    outcome: Outcome
    canary: bool = False
    step: str = ""
    reason: str = ""
    drained: bool = False
    update: Mapping[str, Any] = field(default_factory=dict)
    waiting: Sequence[Mapping[str, Any]] = ()

    @property
    def changes(self) -> Sequence[Mapping[str, Any]]:
        return list(self.update.get("changes") or ())

    @property
    def closed(self) -> list[str]:
        """Vulnerabilities that are gone, each once."""
        return sorted({name for change in self.changes for name in change.get("closes") or ()})

    @property
    def seconds(self) -> float:
        return sum(float(value) for value in (self.update.get("seconds") or {}).values())

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "outcome": self.outcome.value, "closed": self.closed, "total_seconds": self.seconds}


def table(reports: Sequence[HostReport]) -> list[str]:
    """A line for each host, then what an operator has to know of some."""
    head = ["host", "", "packages", "security", "closed", "restarted", "reboot", "took"]
    return [*columns(fitted([head, *map(_row, reports)], WIDTH)), *(f"{one.host}: {line}" for one in reports for line in _lines(one))]


def _row(one: HostReport) -> list[str]:
    mark = f"{one.outcome.value}{' (canary)' if one.canary else ''}"
    if one.outcome in (Outcome.NOT_BEGUN, Outcome.UNREACHED):
        return [one.host, mark, *[""] * 6]
    security = sum(bool(change.get("security")) for change in one.changes)
    closed = "?" if one.update.get("advisories") else str(len(one.closed))
    took = duration(int(one.seconds)) if one.seconds else ""
    return [one.host, mark, str(len(one.changes)), str(security), closed, str(len(one.update.get("restarted") or ())), _reboot(one), took]


def _reboot(one: HostReport) -> str:
    if one.update.get("rebooted"):
        return "yes"
    return "due" if one.update.get("reboot_due") else "no"


def _lines(one: HostReport) -> Iterator[str]:
    if one.step or one.reason:
        traffic = "; it gets no traffic" if one.drained else ""
        yield f"stopped at {one.step or 'its beginning'}{traffic}: {one.reason}"
    if kept := one.update.get("kept"):
        yield f"kept as they were: {', '.join(kept)} (the new ones lie beside)"
    if left := one.update.get("left"):
        yield f"still on replaced files: {', '.join(f'{unit} ({why})' for unit, why in sorted(left.items()))}"
    if not one.update.get("rebooted") and (due := one.update.get("reboot_due")):
        yield f"a reboot is due: {'; '.join(due)}"
    if exemption := one.update.get("exemption"):
        yield str(exemption)
    if one.changes and (unknown := one.update.get("advisories")):
        yield f"which vulnerabilities are gone is not known: {unknown}"
    by_reason: dict[str, list[str]] = {}
    for waiting in one.waiting:
        by_reason.setdefault(str(waiting["why"]), []).append(str(waiting["package"]))
    for why, packages in sorted(by_reason.items()):
        yield f"{len(packages)} stay ({why}): {', '.join(packages[:12])}{' …' if len(packages) > 12 else ''}"


def going_on(reports: Sequence[HostReport]) -> str:
    """What an operator does after a run that stopped; empty where it came to its end."""
    stopped = [one for one in reports if one.outcome in (Outcome.FAILED, Outcome.UNREACHED)]
    if not stopped:
        return ""
    done = [one.host for one in reports if one.outcome in (Outcome.UPDATED, Outcome.NOTHING)]
    left = [one.host for one in reports if one.outcome is Outcome.NOT_BEGUN]
    drained = [one.host for one in stopped if one.drained]
    return "; ".join(
        filter(
            None,
            [
                f"done before: {', '.join(done)}" if done else "",
                f"not begun: {', '.join(left)}" if left else "",
                f"without traffic until it is put right: {', '.join(drained)}" if drained else "",
                "run it again to go on: what is done is passed over",
            ],
        )
    )


def markdown(reports: Sequence[HostReport], at: str) -> str:
    """The report of a run, for people who read it later.

    :param at: the time of the run.
    """
    head = ["host", "outcome", "packages", "security", "closed", "services restarted", "reboot", "took"]
    lines = ["# Updates of hosts", "", at, "", *markdown_table(head, list(map(_row, reports)))]
    if text := going_on(reports):
        lines += ["", f"The run stopped; {text}."]
    for one in reports:
        told = list(_lines(one))
        if not told and not one.changes:
            continue
        lines += ["", f"## {one.host}", "", *(f"- {line}" for line in told)]
        if one.changes:
            rows = [
                [change["package"], change["before"] or "new", change["after"] or "gone", ", ".join(change.get("closes") or ())]
                for change in one.changes
            ]
            lines += ["", *markdown_table(["package", "from", "to", "closes"], rows)]
        if steps := one.update.get("seconds"):
            lines += ["", ", ".join(f"{step} {float(count):.0f} s" for step, count in steps.items())]
    return "\n".join(lines) + "\n"
