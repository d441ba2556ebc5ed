# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verb of opsctl that says what runs on this host."""

from __future__ import annotations

import argparse
from typing import Any

from ..core.format import folded
from ..delivery import overview as overview_of_deliveries
from ..status import collect, overview, table
from . import stack_choice, watchdog
from .arguments import shared
from .output import Output, say, terminal_width


def add_parsers(verbs: Any) -> None:
    """The command line of the verb."""
    status = verbs.add_parser("status", parents=[shared(stack="only of this stack; all when none is named or stood in")])
    status.add_argument("--wide", action="store_true", help="with digests and all in full, however wide")
    status.add_argument("--all", action="store_true", help="a line for each stack, also in the folder of one")


def run_verb(options: argparse.Namespace, output: Output) -> int:
    """Print the state of the host: of one stack in detail, of several a line for each."""
    known = stack_choice.directories()
    stack = "" if options.all else stack_choice.existing(options.stack, known) if options.stack else stack_choice.standing_in(known)
    collected: dict[str, Any] = collect.collect()
    if stack:
        collected = overview.of_stack(collected, stack)
    published = watchdog.published()
    summed = overview.summaries(collected, published)
    deliveries = overview_of_deliveries.not_ended(stack)
    if output.as_json:
        output.result({**collected, "overview": summed, "deliveries": deliveries}, None)
        return 0
    if len(summed) > 1 and not options.wide:
        silent = watchdog.silence(published) if published else ""
        say(f"{silent}{overview.table(collected, summed, terminal_width())}")
    else:
        say(table.table(collected, wide=options.wide))
        if watched := watchdog.live(stack):
            say(f"\n{watched if options.wide else folded(watched)}")
    if deliveries:
        say("\n" + "\n".join(map(overview_of_deliveries.sentence, deliveries)))
    return 0
