# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of several stacks in one firewall: those of this run, and those that the host has recorded of others.

The order does not depend on who runs: rules of the host, the stacks by their names, the other rules of the host.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..hostconfig import shares
from ..hostconfig.entries import Entry
from .rules import FirewallError, Rule, parse_rules, parse_stored
from .ufw_files import Kept, expected

PART = "firewall"


@dataclass(frozen=True)
class Shared:
    """All rules of the host, the shares that are recorded with them, and the rules that are of no stack."""

    rules: Sequence[Rule]
    recorded: Sequence[Entry] = ()
    host: Mapping[str, Any] = field(default_factory=dict)


def shared(rules: Sequence[Rule], stacks: Mapping[str, Sequence[Rule]], kept: Kept, without: str = "", *, adopt: bool = True) -> Shared:
    """The rules of this run with those of other stacks.

    :param rules: everything that this run wants, the rules of its stacks among them.
    :param stacks: which of them are there for which stack; each stack of the run is in it, if with no rule.
    :param without: a stack that is taken away from the host.
    :param adopt: take what is there for stacks that have no share yet; not where rules of others are kept anyway.
    :raises FirewallError: a rule of the host contradicts one of another stack.
    """
    wanted = {_traffic(rule) for rule in rules}
    own = {stack: [rule for rule in each if _traffic(rule) in wanted] for stack, each in stacks.items()}
    others = {stack: _read(stack, share) for stack, share in shares.recorded(PART, without=[*own, without]).items()}
    adopted = {} if not adopt else _adopted([*own, without], [*rules, *(rule for each in others.values() for rule in each)], kept)
    of_stacks = {rule for each in own.values() for rule in each}
    place = next((number for number, rule in enumerate(rules) if rule in of_stacks), min(1, len(rules)))
    before = [rule for rule in rules[:place] if rule not in of_stacks]
    after = [rule for rule in rules[place:] if rule not in of_stacks]
    between = [(stack, rule) for stack, each in sorted({**own, **others, **adopted}.items()) for rule in each]
    _refuse([*before, *after], between)
    recorded = {stack: {"rules": [plain(rule) for rule in each]} for stack, each in {**own, **adopted}.items()}
    host = {"rules": [plain(rule) for rule in [*before, *after]]}
    gone = [Entry(path=shares.path_of(without, PART), state="absent")] if without else []
    return Shared(_once([*before, *(rule for _stack, rule in between), *after]), [*shares.entries(PART, recorded), *gone], host)


def plain(rule: Rule) -> dict[str, Any]:
    """A rule as it is declared."""
    ends = {"from": [rule.source], "to": [rule.destination]}
    options = ("action", "port", "protocol", "direction", "interface", "interface_out", "comment")
    return {**{name: getattr(rule, name) for name in options}, **ends}


def _read(stack: str, share: Mapping[str, Any]) -> list[Rule]:
    return parse_rules(share.get("rules") or [], f"{shares.path_of(stack, PART)}: rules")


def _traffic(rule: Rule) -> Rule:
    """What a rule speaks of, whatever it says to it."""
    return replace(rule, action="allow", comment="")


def _once(rules: Sequence[Rule]) -> list[Rule]:
    """What says the same twice is kept once, as in what is declared."""
    first: dict[Rule, Rule] = {}
    for rule in rules:
        first.setdefault(_traffic(rule), rule)
    return list(first.values())


def _refuse(of_host: Sequence[Rule], of_stacks: Sequence[tuple[str, Rule]]) -> None:
    """:raises FirewallError: the same traffic is let in by the one and not by the other."""
    by_traffic = {_traffic(rule): rule for rule in of_host}
    problems = []
    for stack, rule in of_stacks:
        other = by_traffic.get(_traffic(rule))
        if other and other.action != rule.action:
            words = " ".join(rule.argv())
            what = f"rules: {other.action} to what the stack {stack} of this host says {rule.action} to ({words})"
            problems.append(f"{what}: keep one of them")
    if problems:
        raise FirewallError(problems)


def _adopted(own: Collection[str], known: Sequence[Rule], kept: Kept) -> dict[str, list[Rule]]:
    """For stacks of the host that have no share yet: the rules that UFW has and that nobody else is known to want."""
    waiting = shares.unrecorded(PART, own)
    if not waiting or not kept.enabled:
        return {}
    left: dict[Rule, None] = {}
    for family in (4, 6):
        wanted = set(expected(known, family))
        for line in kept.rules(family):
            if line not in wanted and (rule := parse_stored(line)):
                left[rule] = None
    return {stack: list(left) if stack == waiting[0] else [] for stack in waiting}
