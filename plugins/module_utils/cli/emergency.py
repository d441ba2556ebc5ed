# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verbs of opsctl for when something burns."""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import asdict
from typing import Any

from ..core.format import columns, folded
from ..core.units import parse_duration
from . import audit, confirmation, stack_choice
from .arguments import confirmable, shared
from .output import Output

STEPS = ("restart", "rollback", "restore")  # of a recovery, in their order
NOT_RECOVERED, NOT_AGREED = 1, 3


def add_parsers(verbs: Any) -> None:
    """The command line of these verbs."""
    everywhere = shared(stack="only of this stack, and of the host; all when none is named or stood in")
    check = verbs.add_parser("check", parents=[everywhere])
    check.add_argument("--all", action="store_true", help="a line for each check, also for what is well")

    recover = verbs.add_parser("recover", parents=[shared(), confirmable()])
    recover.add_argument(
        "--yes", choices=STEPS, default="", metavar="STEP", help="agree to every step up to this one; else each is asked for"
    )

    runbook = verbs.add_parser("runbook", parents=[shared(stack="")])
    runbook.add_argument("name", nargs="?", default="", metavar="PAGE", help="name of the page; all are listed when none is given")

    isolate = verbs.add_parser("isolate", parents=[shared(stack="")])
    how = isolate.add_mutually_exclusive_group()
    how.add_argument("--undo", action="store_true", help="everything as before")
    how.add_argument("--confirm", dest="stay", action="store_true", help="it stays until --undo, also over a restart")
    how.add_argument("--show", action="store_true", help="whether this host is isolated; exit status 1 when it is")
    isolate.add_argument("--for", dest="duration", default="30m", metavar="TIME", help="ends by itself unless it is confirmed (30m)")
    isolate.add_argument("--reason", default="", help="for the status page and the history")
    isolate.add_argument("--operator", action="append", default=[], metavar="ADDRESS", help="may reach SSH, beside this session")
    isolate.add_argument("--no-evidence", action="store_true", help="cut it off at once")
    isolate.add_argument("--yes", action="store_true", help="without a question")

    incident = verbs.add_parser("incident", parents=[everywhere])
    incident.add_argument("--since", default="24h", metavar="TIME", help="from 2026-11-20T14:03:07Z on, or from 90m, 12h or 7d ago (24h)")
    incident.add_argument("--steps", action="store_true", help="every step of every deployment")


def run_verb(options: argparse.Namespace, output: Output) -> int:
    """Carry out one of these verbs."""
    return {"check": _check, "recover": _recover, "runbook": _runbook, "isolate": _isolate, "incident": _incident}[options.verb](
        options, output
    )


def _check(options: argparse.Namespace, output: Output) -> int:
    from ..emergency import check

    report = check.check(stack_choice.selected(options.stack))
    output.result(report.as_dict(), folded(check.table(report, everything=options.all)))
    return report.status


def _recover(options: argparse.Namespace, output: Output) -> int:
    from ..emergency.recovery import Course, Recovery, Step, recovered

    stack = stack_choice.chosen(options.stack, options.argv)
    confirmation.require(options, stack)
    agreed = STEPS[: STEPS.index(options.yes) + 1] if options.yes else ()

    def agree(course: Course) -> bool:
        if course.step.value in agreed:
            return True
        return confirmation.agreed(f"{course.step.value} of {stack}", guarded=course.step is not Step.RESTART)

    recovery = Recovery(stack, agree, output.line)
    report = recovery.run()
    answer = recovery.as_dict(report)
    if recovered(stack, report):
        output.result(answer, f"{stack}: all checks of it pass")
        return 0
    if recovery.declined:
        step = recovery.declined.value
        text = f"{stack} still fails; nobody agreed to the next step: opsctl recover --stack {stack} --yes {step}"
        output.result(answer, text)
        return NOT_AGREED
    output.result(answer, f"{stack} still fails, and nothing is left to try here: opsctl runbook system-failure")
    return NOT_RECOVERED


def _runbook(options: argparse.Namespace, output: Output) -> int:
    from ..emergency import runbook

    if not options.name:
        pages = [{"name": name, "title": runbook.title(name)} for name in runbook.names()]
        lines = columns([[page["name"], page["title"]] for page in pages])
        output.result({"pages": pages}, "\n".join([*lines, "", "opsctl runbook PAGE prints one"]))
        return 0
    name = stack_choice.existing(runbook.page_of(options.name), runbook.names(), "runbook")
    output.result({"name": name, "title": runbook.title(name), "text": runbook.text(name)}, runbook.text(name))
    return 0


def _isolate(options: argparse.Namespace, output: Output) -> int:
    from ..emergency import isolating
    from ..firewall import isolated, isolation

    if options.show:
        present = isolated.load()
        missing = isolation.in_force() if present else []
        lines = [present.describe() if present else "this host is not isolated", *(f"!! {line}" for line in missing)]
        output.result({**isolating.as_dict(present), "missing": missing}, "\n".join(lines))
        return 1 if present else 0
    if options.stay or options.undo:
        changed = isolating.confirm() if options.stay else isolating.end()
        what = changed.describe() if changed and options.stay else "everything is as before" if changed else "this host was not isolated"
        audit.note(f"isolate: {what}")
        output.result({**isolating.as_dict(isolated.load()), "changed": changed is not None}, what)
        return 0
    if not options.yes and not confirmation.agreed(f"isolate {os.uname().nodename}: nobody reaches it any more", guarded=True):
        output.result({"isolated": False, "changed": False}, "nothing was done: write --yes where this is what you want")
        return NOT_AGREED
    audit.note(f"isolate for {options.duration}: {options.reason or 'no reason given'}")
    done = isolating.isolate(
        parse_duration(options.duration), options.reason, options.operator, output.line, with_evidence=not options.no_evidence
    )
    warnings = "\n".join(f"!! {warning}" for warning in done.warnings)
    output.result({**done.as_dict(), "changed": True}, folded(warnings) if warnings else None)
    return 0


def _incident(options: argparse.Namespace, output: Output) -> int:
    from ..emergency import timeline
    from .log_view import since_from

    stacks, since, now = stack_choice.selected(options.stack), since_from(options.since, "incident"), time.time()
    events, opened = timeline.collect(stacks, since, steps=options.steps), timeline.open_incidents(stacks)
    text = timeline.markdown(os.uname().nodename, stacks, since, events, opened, now)
    shown = {"since": since, "until": now, "stacks": stacks, "events": [asdict(event) for event in events]}
    output.result({**shown, "open": [incident.as_dict() for incident in opened], "markdown": text}, text)
    return 0
