# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verbs of opsctl for when something burns."""

from __future__ import annotations

import argparse
from typing import Any

from ..core.format import folded
from . import stack_choice
from .arguments import shared
from .output import Output

VERBS = ("check",)


def add_parsers(verbs: Any) -> None:
    """The command line of these verbs."""
    everywhere = shared(stack="only of this stack, and of the host; all when none is named or stood in")
    check = verbs.add_parser("check", parents=[everywhere], help="every probe once; exit status 0 well, 1 with warnings, 2 critical")
    check.add_argument("--all", action="store_true", help="a line for each check, also for what is well")


def run_verb(options: argparse.Namespace, output: Output) -> int:
    """Carry out one of these verbs."""
    return {"check": _check}[options.verb](options, output)


def _check(options: argparse.Namespace, output: Output) -> int:
    from ..emergency import check

    report = check.check(stack_choice.selected(options.stack))
    output.result(report.as_dict(), folded(check.table(report, everything=options.all)))
    return report.status
