# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verb of opsctl that replaces secrets while everybody goes on."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from ..core.format import folded
from ..rotation import declared, plan
from ..rotation.journal import Journal
from ..rotation.rolling import Rolling
from ..rotation.rotating import Result, Rotation
from ..secretstore.store import Store
from . import confirmation
from .arguments import Parser, confirmable, shared
from .output import Output
from .stack_choice import chosen


def add_parsers(verbs: Any) -> None:
    """The command line of this verb."""
    parents: list[Parser] = [shared(), confirmable()]
    verb = verbs.add_parser("rotate", parents=parents)
    verb.add_argument("names", nargs="*", metavar="SECRET", help="which ones")
    verb.add_argument("--all", action="store_true", help="all that are declared to rotate and are made on this host")
    verb.add_argument("--due", action="store_true", help="those that are older than they are declared to be")
    verb.add_argument(
        "--finish", action="store_true", help="go on with what was interrupted, and end values from before whose time is over"
    )
    verb.add_argument(
        "--repair", action="store_true", help="let database servers take what the store has, after an older backup was restored"
    )
    verb.add_argument("--now", action="store_true", help="with --finish: before their time, which ends what still uses them")
    verb.add_argument("--dry-run", action="store_true", help="say what would be done")
    verb.add_argument("--wait", type=float, default=0, metavar="SECONDS", help="wait so long for somebody else's work on the stack")


def run_verb(options: argparse.Namespace, output: Output) -> int:
    """Show, rotate or finish.

    :raises RotationRefused: and the other errors of a rotation, with their sentence.
    """
    stack = chosen(options.stack, options.argv)
    store, journal = Store(stack), Journal(stack)
    names = _names(options, store)
    if not (options.finish or options.repair) and (options.dry_run or not (names or options.due or options.all)):
        secrets = declared.chosen(store, names or list(declared.every(store)))
        made = plan.rows(store, journal, secrets, Rolling(stack, lambda _line: None).strategies())
        underway = journal.underway()
        found = f"\nfound an interrupted {underway.describe()}; the next run goes on with it" if underway else ""
        output.result({"stack": stack, "secrets": plan.as_list(made), "underway": found.strip()}, folded(plan.table(made)) + found)
        return 0
    confirmation.require(options, stack)
    rotation = Rotation.here(stack, tell=output.line, wait=options.wait)
    if options.finish:
        result = rotation.finish(now=options.now)
    elif options.repair:
        result = rotation.repair()
    else:
        result = rotation.rotate(names)
    output.result({"stack": stack, **asdict(result)}, said(result))
    return 0


def _names(options: argparse.Namespace, store: Store) -> list[str]:
    if options.now and not options.finish:
        raise ValueError("--now belongs to --finish: write opsctl rotate --finish --now")
    if sum((bool(options.names), options.all, options.due, options.finish, options.repair)) > 1:
        raise ValueError("write names of secrets, or one of --all, --due, --finish and --repair")
    known = declared.every(store)
    if options.all:
        return [name for name, secret in known.items() if not secret.entry.get("given")]
    if options.due:
        made = plan.rows(store, Journal(store.stack), [secret for secret in known.values() if not secret.entry.get("given")], {})
        return [row.secret for row in made if row.late]
    return list(options.names)


def said(result: Result) -> str:
    """What came of it, in a few lines."""
    lines = [result.found] if result.found else []
    for title, names in (
        ("rotated", result.rotated),
        ("good no more", result.revoked),
        ("shredded", result.shredded),
        ("taken again", result.repaired),
    ):
        if names:
            lines.append(f"{title}: {', '.join(names)}")
    if result.waiting:
        lines.append(f"the value before is good for a while: {', '.join(result.waiting)} (opsctl rotate)")
    return "\n".join(lines) or "nothing to do"
