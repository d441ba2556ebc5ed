# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a call is within the scopes of an operator: asked after the command line is understood, and before anything is done.

What was asked is also what is done: the stack that was judged is written into the call, so that neither another folder nor a link that
changes in between makes another one of it.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..access.images import repository
from ..access.operators import EVERY_STACK, Level, Operator
from ..access.rules import OF_ADMINS, RULES, Reach, Rule
from . import stack_choice


class Forbidden(Exception):
    """A call that is beyond the scopes of whoever made it; nothing was done."""


def path_of(options: argparse.Namespace, parser: argparse.ArgumentParser) -> tuple[str, argparse.ArgumentParser]:
    """The words of a verb, and the parser that has its options."""
    words: list[str] = []
    while (below := next((action for action in parser._actions if isinstance(action, argparse._SubParsersAction)), None)) is not None:
        chosen = getattr(options, below.dest, None)
        if not chosen:
            break
        words.append(str(chosen))
        parser = below.choices[chosen]
    return " ".join(words), parser


def rule_of(verb: str) -> Rule:
    """The rule of a verb; that of admins where there is none."""
    return RULES.get(verb, OF_ADMINS)


def given(options: argparse.Namespace, parser: argparse.ArgumentParser) -> dict[str, Any]:
    """The options that differ from their defaults, by name: what was written is what counts, however it was written."""
    defaults = {action.dest: action.default for action in parser._actions}
    values = {name: value for name, value in vars(options).items() if name in defaults}
    return {name: value for name, value in values.items() if value != defaults[name] and value not in (None, [], False, "")}


def require(operator: Operator, options: argparse.Namespace, parser: argparse.ArgumentParser, now: float) -> None:
    """Let the call through, with its stack written into it.

    :raises Forbidden: it is beyond the scopes; the message says which are needed.
    :raises StackNeeded: several stacks are there, and none was named.
    :raises ValueError: there is no such stack, as for everybody.
    """
    if not operator.present(now):
        raise Forbidden(f"{operator.name} is no operator of this host any more")
    verb, leaf = path_of(options, parser)
    rule = rule_of(verb)
    if operator.admin:
        return
    if rule.level is Level.ADMIN:
        raise Forbidden(f"{verb} needs scope admin; {_has(operator)}")
    written = given(options, leaf)
    for name in sorted(written.keys() - rule.options - rule.everywhere):
        raise Forbidden(f"{verb}: {_spelled(name, leaf)} is for admins, and {operator.name} is none")
    stack = _stack(operator, options, verb, rule)
    for name in sorted(written.keys() & rule.everywhere):
        if not operator.permits(rule.level, EVERY_STACK):
            raise Forbidden(f"{verb}: {_spelled(name, leaf)} shows more than {stack}: it needs scope {rule.level.value} on all stacks")
    if verb == "deploy":
        _same_programs(operator, stack, options.image)


def _spelled(name: str, parser: argparse.ArgumentParser) -> str:
    """An option as it is written."""
    action = next(action for action in parser._actions if action.dest == name)
    return action.option_strings[-1] if action.option_strings else str(action.metavar or name)


def _stack(operator: Operator, options: argparse.Namespace, verb: str, rule: Rule) -> str:
    """The stack that the call is about, written into it; empty for none or all."""
    level = rule.level
    if rule.reach is Reach.NOTHING:
        if not operator.scopes:
            raise Forbidden(f"{verb}: {operator.name} has no scope at all")
        return ""
    if rule.reach is Reach.HOST:
        if not operator.permits(level, EVERY_STACK):
            raise Forbidden(f"{verb} needs scope {level.value} on all stacks; {_has(operator)}")
        return ""
    known = stack_choice.directories()
    permitted = operator.stacks(level, sorted(known))
    if rule.reach is Reach.STACKS and not options.stack:
        if operator.permits(level, EVERY_STACK):
            return ""
        options.stack = _meant(operator, verb, level, permitted, known)
        return str(options.stack)
    everywhere = operator.permits(level, EVERY_STACK)
    if not everywhere and not permitted and not options.stack:
        raise Forbidden(f"{verb} needs scope {level.value} on a stack of this host; {_has(operator)}")
    # A name that is not there is answered as one that is not permitted, unless all are, and only those are listed: nobody learns names.
    if options.stack and not everywhere and options.stack not in permitted:
        raise Forbidden(f"{verb} of {options.stack} needs scope {level.value} on it; {_has(operator)}")
    options.stack = stack_choice.chosen(options.stack, options.argv, {name: known[name] for name in permitted})
    return str(options.stack)


def _meant(operator: Operator, verb: str, level: Level, permitted: list[str], known: Mapping[str, Path]) -> str:
    """Which one is shown to whoever may not see all."""
    here = stack_choice.standing_in(known)
    if here in permitted:
        return here
    if len(permitted) == 1:
        return permitted[0]
    if not permitted:
        raise Forbidden(f"{verb} needs scope {level.value} on a stack of this host; {_has(operator)}")
    raise Forbidden(f"{verb} of all stacks is beyond {operator.name}: write --stack {' or --stack '.join(permitted)}")


def _has(operator: Operator) -> str:
    """What an operator has, for a refusal."""
    scopes = [
        scope.level.value + ("" if scope.everywhere else f" on {', '.join(scope.stacks)}") for scope in operator.scopes if scope.stacks
    ]
    return f"{operator.name} has {' and '.join(scopes) or 'none'}"


def _same_programs(operator: Operator, stack: str, images: list[str]) -> None:
    """Whoever may deploy brings other versions of what runs, and no other programs."""
    if not images:
        return
    from ..release.store import Store

    live = Store(stack).live()
    for text in images:
        service, _sign, reference = text.partition("=")
        now = live.images.get(service, "") if live else ""
        if now and reference and repository(reference) != repository(now):
            raise Forbidden(
                f"deploy: {service} of {stack} runs {repository(now)}, and {repository(reference)} is another program:"
                f" an admin deploys it, or the declaration names it; {_has(operator)}"
            )


def stack_of(options: argparse.Namespace) -> str:
    """The stack that a call names, for the record."""
    return str(getattr(options, "stack", None) or (options.name if options.verb == "remove" else "") or "")


def shown(written: Mapping[str, Any]) -> Iterator[str]:
    """What was written, for the record: whoever reads it masks it."""
    for name, value in sorted(written.items()):
        if name not in ("stack", "json"):
            yield name if value is True else f"{name}={' '.join(map(str, value)) if isinstance(value, list) else value}"
