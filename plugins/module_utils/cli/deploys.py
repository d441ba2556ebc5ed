# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verbs of opsctl about releases that came by themselves, and about what runs."""

from __future__ import annotations

import argparse
import signal
import time
from collections.abc import Sequence
from typing import Any

from ..core.caller import caller
from ..core.format import columns
from ..core.times import lasting, moment
from ..core.units import parse_duration
from . import confirmation, stack_choice
from .arguments import confirmable, shared
from .output import Output

LINK_LASTS = "1d"
SHORT = 8  # digits of a number that a person writes


def add_parsers(verbs: Any) -> None:
    """The command line of these verbs."""
    everywhere = shared(stack="only of this stack; all when none is named or stood in")
    listed = verbs.add_parser("deploys", parents=[everywhere])
    ways = listed.add_subparsers(dest="way", required=False)
    shown = ways.add_parser("show", parents=[shared()], help="all that is known of one")
    begun = ways.add_parser("execute", parents=[shared(as_json=False)], help="carry one out (run by systemd)")
    approved = verbs.add_parser("approve", parents=[shared(), confirmable()])
    for parser in (shown, begun, approved):
        parser.add_argument("id", metavar="ID", help="its number, or the beginning of it")
    approved.add_argument("--link", default="", metavar="PERSON", help="approve nothing, and print a link by which this person may")
    approved.add_argument("--for", dest="lasts", default=LINK_LASTS, metavar="DURATION", help=f"how long the link is good; {LINK_LASTS}")
    verbs.add_parser("whatruns", parents=[everywhere])


def run_verb(options: argparse.Namespace, output: Output) -> int:
    """Carry out one of these verbs."""
    if options.verb == "whatruns":
        return _what_runs(options, output)
    if options.verb == "approve":
        return _approve(options, output)
    if options.way == "execute":
        return _execute(options)
    return _show(options, output) if options.way == "show" else _list(options, output)


def _list(options: argparse.Namespace, output: Output) -> int:
    from ..delivery.queue import Queue, public

    queue, now = Queue(), time.time()
    stacks = stack_choice.selected(options.stack, stack_choice.directories())
    known = {stack: queue.entries(stack) for stack in stacks}
    rows = [
        [entry.id[:SHORT], stack, entry.title, entry.request.who, f"{lasting(now - entry.created)} ago", entry.state.value, entry.reason]
        for stack, entries in known.items()
        for entry in reversed(entries)
    ]
    data = {"deploys": [public(entry) for entries in known.values() for entry in reversed(entries)]}
    heads = ["ID", "STACK", "WHAT", "BY", "CAME", "STATE", "WHY"]
    output.result(data, "\n".join(columns([heads, *rows])) if rows else "no release has come by itself")
    return 0


def _entry(options: argparse.Namespace, stack: str) -> Any:
    """One of this stack: who may do something with it may not with that of another one."""
    from ..delivery.queue import Queue, UnknownEntry

    entry = Queue().find(options.id)
    if entry.stack != stack:
        raise UnknownEntry(f"{options.id!r} is the number of no delivery of {stack}: `opsctl deploys` lists them")
    return entry


def _show(options: argparse.Namespace, output: Output) -> int:
    from ..delivery.queue import public

    entry = _entry(options, stack_choice.chosen(options.stack, options.argv))
    lines = [
        f"{entry.title} for {entry.stack}, by {entry.request.who}: {entry.state.value}",
        *([entry.reason] if entry.reason else []),
        *(f"{service}: {image}" for service, image in entry.images.items()),
        *(f"approved by {given.who} ({given.way}), {moment(given.at)}" for given in entry.approvals),
        *(f"report {name}: {told.get('told') or told.get('reason')}" for name, told in entry.reported.items()),
        f"came {moment(entry.created)}, last changed {moment(entry.changed)}; number {entry.id}",
    ]
    output.result({**public(entry), "reported": entry.reported, "attempt": entry.attempt}, "\n".join(lines))
    return 0


def _approve(options: argparse.Namespace, output: Output) -> int:
    from ..delivery import approvals, settings
    from ..delivery.execution import live
    from ..delivery.intake import Intake
    from ..delivery.queue import Queue

    stack = stack_choice.chosen(options.stack, options.argv)
    confirmation.require(options, stack)
    entry, queue, now = _entry(options, stack), Queue(), time.time()
    if options.link:
        known, lasts = settings.load(stack), parse_duration(options.lasts)
        if not 0 < lasts <= approvals.LONGEST:
            raise ValueError(f"--for: {options.lasts} is not up to 7d: write such as 1d")
        link = approvals.Links(queue.folder).make(known.address if known else "", entry, options.link, now + lasts)
        output.result({"id": entry.id, "link": link, "person": options.link}, link)
        return 0
    who = caller().partition(" (pid")[0]
    entry = Intake(queue, settings.load, live, tell=_silent).approve(entry.id, who, approvals.OPSCTL, now)
    output.result({"id": entry.id, "state": entry.state.value, "reason": entry.reason}, f"{entry.title}: {entry.reason}")
    return 0


def _silent(_line: str) -> None:
    """The result says it, and the audit log of opsctl who."""


def _execute(options: argparse.Namespace) -> int:
    """What the unit of one delivery does; its end is in the queue, whatever it is."""
    from ..delivery import execution
    from ..delivery.queue import Queue
    from ..delivery.worker import cautious

    signal.signal(signal.SIGTERM, _interrupt)
    execution.carry_out(Queue(), options.id, execution.Host(cautious, execution.deploy, execution.lacking))
    return 0


def _interrupt(_number: int, _frame: object) -> None:
    """SIGTERM ends as Ctrl-C does: what was begun is taken back, and begun again when the host is up."""
    raise KeyboardInterrupt


def _what_runs(options: argparse.Namespace, output: Output) -> int:
    from ..delivery import running

    stacks = stack_choice.selected(options.stack, stack_choice.directories())
    known = [running.of(stack) for stack in stacks]
    lines = [line for one in known for line in _described(one)]
    output.result({"stacks": [one.to_dict() for one in known]}, "\n".join(lines) or "nothing runs here")
    return 1 if any(one.differing for one in known) else 0


def _described(one: Any) -> Sequence[str]:
    if not one.release:
        return [f"{one.stack}: nothing is live"]
    since = f" since {one.since}" if one.since else ""
    came = f", {one.ref} of {one.repository}" + (f" ({one.commit[:12]})" if one.commit else "") if one.ref else ""
    rows = [[f"  {service}", image["tag"], image["digest"][:19]] for service, image in one.images.items()]
    return [f"{one.stack}: release {one.release}{since}{came}" + (f", by {one.who}" if one.who else ""), *columns(rows), *one.differing]
