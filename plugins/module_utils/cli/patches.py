# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verb of opsctl for updates of this host: what was done, and where one that stopped has left it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from ..core.format import columns, duration
from ..patching import record
from ..patching.record import LEFT, Phase, Update
from .arguments import shared
from .output import Output


def add_parsers(verbs: Any) -> None:
    """The command line of this verb."""
    patches = verbs.add_parser("patches", parents=[shared(stack="")])
    patches.add_argument("--lines", type=int, default=10, metavar="N", help="so many of the last ones (10)")


def run_verb(options: argparse.Namespace, output: Output) -> int:
    """Show them, the last one in full; exit status 1 where one has stopped."""
    if options.lines < 1:
        raise ValueError(f"--lines {options.lines}: write a number from 1 on, such as 10")
    last, ended = record.current(), record.history()
    stopped = last is not None and last.phase != Phase.FINISHED.value
    updates = [*([last] if last and last.unfinished else []), *ended][: options.lines]
    lines = [*_overview(updates), *(_described(last) if last else ())]
    output.result(
        {"updates": [update.as_dict() for update in updates], "stopped": stopped}, "\n".join(lines) or "no update by playbook patch yet"
    )
    return 1 if stopped else 0


def _overview(updates: list[Update]) -> Iterator[str]:
    rows = [["began", "", "scope", "packages", "closed", "reboot", "took", "by"]]
    for update in updates:
        closed = len({name for change in update.changes for name in change.get("closes", ())})
        took = duration(int(sum(update.seconds.values())))
        reboot = "yes" if update.rebooted else "due" if update.reboot_due else "no"
        rows.append(
            [
                update.began,
                update.phase,
                update.scope,
                str(len(update.changes)),
                "?" if update.advisories else str(closed),
                reboot,
                took,
                update.who,
            ]
        )
    yield from columns(rows) if updates else ()


def _described(update: Update) -> Iterator[str]:
    yield ""
    if update.unfinished:
        yield f"not finished: {LEFT[Phase(update.phase)]}; run playbook patch again to go on"
    elif update.phase == Phase.FAILED.value:
        yield f"stopped: {update.reason}; run playbook patch again to go on"
    yield from columns(
        [[change["package"], change["before"] or "new", change["after"] or "gone", " ".join(change["closes"])] for change in update.changes]
    )
    yield from (f"kept as it was: {path}" for path in update.kept)
    yield from (f"still on replaced files: {unit} ({why})" for unit, why in sorted(update.left.items()))
    yield from (f"a reboot is due: {why}" for why in update.reboot_due)
