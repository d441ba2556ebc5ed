# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line of opsctl as a whole, or as far as one verb needs it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from .arguments import Parser
from .verbs import VERBS

ABOUT = "opsctl: the engine of latentum.ops for an operator on the host, a timer, or a webhook."


class Wanted:
    """Takes the parsers of a file of verbs, and keeps those that are wanted.

    :param listed: what argparse made for the verbs.
    """

    def __init__(self, listed: Any, names: Collection[str]) -> None:
        self._listed, self._names = listed, names

    def add_parser(self, name: str, **options: Any) -> Any:
        """A verb, with its line of help."""
        if name in self._names:
            return self._listed.add_parser(name, help=VERBS[name].help, **options)
        return Parser(prog=name, **options)


def verb_of(argv: Sequence[str]) -> str:
    """The verb that a command line calls: its first word, since no option before a verb has a value."""
    return next((word for word in argv if not word.startswith("-")), "")


def parser(only: str | None = None) -> Parser:
    """The command line.

    :param only: the one verb that is called; of the others the name and the help are there. All of it without.
    """
    top = Parser(prog="opsctl", description=ABOUT)
    listed = top.add_subparsers(dest="verb", required=True)
    if only is None:
        wanted = Wanted(listed, VERBS)
        for module in dict.fromkeys(verb.load() for verb in VERBS.values()):
            module.add_parsers(wanted)
        return top
    for name, verb in VERBS.items():
        if name == only:
            verb.load().add_parsers(Wanted(listed, (name,)))
        else:
            listed.add_parser(name, help=verb.help)
    return top
