# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line of opsctl: its parser, whose refusals name the word that was probably meant, and options that many verbs share."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from ..schema.nodes import close_to

USAGE = 2  # exit status of a command line that cannot be


def wants_json(argv: Sequence[str]) -> bool:
    """Whether the answer is read by a program: asked of the words, as a command line that cannot be is answered in JSON, too."""
    return "--json" in argv and argv[0] != "shell"


class Parser(argparse.ArgumentParser):
    """A parser that suggests, and that refuses in JSON where JSON was asked for."""

    argv: Sequence[str] = ()

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError:
            near = close_to(str(value), map(str, action.choices or ()))
            if near is None:
                raise
            raise argparse.ArgumentError(action, f"invalid choice: {value!r}: did you mean {near}?") from None

    def error(self, message: str) -> NoReturn:
        """Say what cannot be, and leave."""
        if wants_json(Parser.argv):
            answer = {"error": {"kind": "usage", "message": message, "status": USAGE}}
            sys.stdout.write(json.dumps(answer, indent=2) + "\n")
        super().error(message)


def shared(*, stack: str = "which stack; not needed where there is only one, or in its folder", as_json: bool = True) -> Parser:
    """The options that nearly every verb has."""
    common = Parser(add_help=False)
    if stack:
        common.add_argument("--stack", metavar="NAME", help=stack)
    if as_json:
        common.add_argument("--json", action="store_true", help="one JSON object, for programs")
    return common


def confirmable() -> Parser:
    """The option of verbs that deploy or destroy."""
    common = Parser(add_help=False)
    common.add_argument(
        "--confirm", default="", metavar="ENVIRONMENT", help="the environment that is meant; wanted where this host's is protected"
    )
    return common
