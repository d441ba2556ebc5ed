# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verb of opsctl that says who may do what on this host."""

from __future__ import annotations

import argparse
import time
from typing import Any

from ..access import break_glass, register, table
from .arguments import shared
from .output import Output


def add_parsers(verbs: Any) -> None:
    """The command line of this verb."""
    access = verbs.add_parser("access", parents=[shared(stack="")])
    how = access.add_mutually_exclusive_group()
    how.add_argument("--markdown", action="store_true", help="as a table of Markdown")
    how.add_argument("--acknowledge", action="store_true", help="the use of an account for emergencies was seen: the alarm ends")


def run_verb(options: argparse.Namespace, output: Output) -> int:
    """Print the table.

    :raises ValueError: the file of operators is damaged.
    """
    if options.acknowledge:
        seen = break_glass.acknowledge()
        said = f"seen: {seen.describe()}" if seen else "no account for emergencies was used"
        output.result({"acknowledged": seen is not None}, said)
        return 0
    known, now = register.load(), time.time()
    output.result({"operators": table.rows(known, now)}, (table.markdown if options.markdown else table.text)(known, now))
    return 0
