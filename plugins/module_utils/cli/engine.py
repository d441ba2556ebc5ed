# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verb of opsctl that says which engine this host has."""

from __future__ import annotations

import argparse
from typing import Any

from ..core.version import OWN, installed
from .arguments import shared
from .output import Output


def add_parsers(verbs: Any) -> None:
    """The command line of the verb."""
    verbs.add_parser("version", parents=[shared(stack="")])


def run_verb(_options: argparse.Namespace, output: Output) -> int:
    """The engine on this host."""
    here = installed()
    output.result({"installed": here.to_dict() if here else None, "own": OWN.to_dict()}, str(here or OWN))
    return 0
