# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verbs of opsctl for when something burns."""

from __future__ import annotations

import argparse
from typing import Any

from ..core.format import columns, folded
from . import confirmation, stack_choice
from .arguments import confirmable, shared
from .output import Output

VERBS = ("check", "recover", "runbook")
STEPS = ("restart", "rollback", "restore")  # of a recovery, in their order
NOT_RECOVERED, NOT_AGREED = 1, 3


def add_parsers(verbs: Any) -> None:
    """The command line of these verbs."""
    everywhere = shared(stack="only of this stack, and of the host; all when none is named or stood in")
    check = verbs.add_parser("check", parents=[everywhere], help="every probe once; exit status 0 well, 1 with warnings, 2 critical")
    check.add_argument("--all", action="store_true", help="a line for each check, also for what is well")

    recover = verbs.add_parser(
        "recover", parents=[shared(), confirmable()], help="a stack that fails: look, restart, roll back, restore, until all checks pass"
    )
    recover.add_argument(
        "--yes", choices=STEPS, default="", metavar="STEP", help="agree to every step up to this one; else each is asked for"
    )

    runbook = verbs.add_parser("runbook", parents=[shared(stack="")], help="what to do when something fails: the pages, or one of them")
    runbook.add_argument("name", nargs="?", default="", metavar="PAGE", help="name of the page; all are listed when none is given")


def run_verb(options: argparse.Namespace, output: Output) -> int:
    """Carry out one of these verbs."""
    return {"check": _check, "recover": _recover, "runbook": _runbook}[options.verb](options, output)


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
    name = stack_choice.existing(options.name, runbook.names(), "runbook")
    output.result({"name": name, "title": runbook.title(name), "text": runbook.text(name)}, runbook.text(name))
    return 0
