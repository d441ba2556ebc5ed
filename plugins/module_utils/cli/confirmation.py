# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verbs that deploy or destroy want the name of the environment on a host where that is protected.

The table of docs/reference/opsctl.md is this one. What finishes or takes back what was confirmed before (``restore resume``) is not
asked again, nor what makes nothing worse (``backup run``, ``upstreams sync``), nor what units of this host run.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping

from ..maintenance import protection
from ..maintenance.protection import Front
from .output import aside

Options = argparse.Namespace


def _not_tried(options: Options) -> bool:
    return not options.dry_run


def _said_yes(options: Options) -> bool:
    return bool(options.yes)


def _anew(options: Options) -> bool:
    return bool(options.new_repository)


def _beyond_restart(options: Options) -> bool:
    return options.yes in ("rollback", "restore")


def _again(options: Options) -> bool:
    return bool(options.again)


def _rotates(options: Options) -> bool:
    """Showing changes nothing, and what ends a rotation was confirmed when it began."""
    return bool(options.names or options.all or options.due) and not options.dry_run


def _goes_live(options: Options) -> bool:
    """A link is used by somebody who is asked by its page."""
    return not options.link


def _always(_options: Options) -> bool:
    return True


# The words of a verb, and when it is asked.
GUARDED: Mapping[str, Callable[[Options], bool]] = {
    "deploy": _not_tried,
    "approve": _goes_live,
    "rollback": _not_tried,
    "scale": _not_tried,
    "rotate": _rotates,
    "remove": _said_yes,
    "recover": _beyond_restart,
    "run": _again,
    "backup run": _anew,
    "restore database": _said_yes,
    "restore cache": _said_yes,
    "restore volume": _said_yes,
    "restore everything": _said_yes,
    "restore identity": _always,
    "restore undo": _always,
    "restore confirm": _always,
}


def require(options: Options, stack: str, ask: Callable[[str, str], str] | None = None) -> None:
    """Let the verb through, or ask at the terminal.

    :raises NotConfirmed: it was not confirmed, or for another environment.
    :raises ValueError: the host's file is damaged.
    """
    verb = " ".join(filter(None, (options.verb, getattr(options, "way", ""))))
    given = getattr(options, "confirm", "")
    wanted = verb in GUARDED and GUARDED[verb](options)
    if not wanted and not given:
        return
    what = f"{verb} of {stack}"
    if wanted and not given and (host := protection.load()).protected:
        given = (ask or _ask)(what, host.environment)
    protection.require_confirmed(what, given, Front.COMMAND)


def agreed(what: str, *, guarded: bool, ask: Callable[[str], str] | None = None) -> bool:
    """Whether the person at the terminal agrees to a step; nobody does where nobody sits there.

    :param guarded: a protected host wants the name of its environment for it.
    :raises NotConfirmed: the name of another environment was written.
    :raises ValueError: the host's file is damaged.
    """
    if not somebody_is_there() and ask is None:
        return False
    put = ask or _put
    if not guarded or not (host := protection.load()).protected:
        return put(f"{what}? [y/N] ").lower() in ("y", "yes")
    name = put(f"{what}? This host belongs to the protected environment {host.environment}. Write its name to go on: ")
    if not name:
        return False
    protection.require_confirmed(what, name, Front.COMMAND)
    return True


def somebody_is_there() -> bool:
    """Somebody sits at the terminal: what comes through a pipe is no answer of a person."""
    return bool(sys.stdin and sys.stdin.isatty() and sys.stderr.isatty())


def _put(question: str) -> str:
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline().strip()


def _ask(what: str, environment: str) -> str:
    """The answer of whoever sits at the terminal; empty where nobody does."""
    if not somebody_is_there():
        return ""
    aside(f"{what}: this host belongs to the protected environment {environment}.")
    return _put("Write its name to go on: ")
