# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a port answers clients from outside, now and after role firewall."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from ...firewall.docker_ports import BEGIN
from ...firewall.rules import ANY, FirewallError, Rule, parse_rules, parse_stored, spans
from ...firewall.ufw_files import AFTER
from ..finding import Given
from ..survey.listeners import Listener


class Reach(Enum):
    """Who can connect."""

    NOBODY = "nobody"
    SOME = "some"  # of named networks
    UNKNOWN = "unknown"  # a firewall that is not UFW decides
    ALL = "all"


@dataclass(frozen=True)
class Openness:
    """Who can connect before and after a run."""

    before: Reach
    after: Reach

    @property
    def closes(self) -> bool:
        """Somebody who could connect cannot any more."""
        levels = list(Reach)
        return self.before is not Reach.NOBODY and levels.index(self.after) < levels.index(self.before)


def openness(given: Given, listeners: Sequence[Listener]) -> Openness:
    """Of one port; ``listeners`` are all that answer on it."""
    now = [_now(given, listener) for listener in listeners]
    later = [_later(given, listener, before) for listener, before in zip(listeners, now, strict=True)]
    return Openness(_widest(now), _widest(later))


def _widest(reaches: Iterable[Reach]) -> Reach:
    return max(reaches, key=list(Reach).index)


def _now(given: Given, listener: Listener) -> Reach:
    ufw = given.survey.ufw
    present = [rule for rule_set in ufw.rules for line in rule_set.stored.values() if (rule := parse_stored(line))]
    if listener.published:
        # Published ports go past UFW, unless our part of after.rules holds them to its rules.
        held = ufw.enabled and any(BEGIN in (given.host.read(path) or "") for path in AFTER.values())
        return _by_rules(present, listener, ufw.defaults.get("incoming", "")) if held else Reach.ALL
    if ufw.enabled:
        return _by_rules(present, listener, ufw.defaults.get("incoming", ""))
    return Reach.UNKNOWN if any(rules.closes or rules.owner == "firewalld" for rules in given.survey.chains) else Reach.ALL


def _later(given: Given, listener: Listener, before: Reach) -> Reach:
    wanted = given.role("firewall")
    if wanted is None or (listener.published and not wanted.get("docker", True)):
        return before
    rules = declared_rules(given)
    if given.keeps_foreign("firewall"):
        rules += [rule for rule_set in given.survey.ufw.rules for line in rule_set.stored.values() if (rule := parse_stored(line))]
    return _by_rules(rules, listener, str(wanted.get("incoming", "deny")))


def declared_rules(given: Given) -> list[Rule]:
    """The rules of role firewall; none where they are wrong, which the role says itself."""
    try:
        return parse_rules((given.role("firewall") or {}).get("rules") or [])
    except FirewallError:
        return []


def _by_rules(rules: Sequence[Rule], listener: Listener, default: str) -> Reach:
    """What the first rules that meet the port say."""
    reach = Reach.NOBODY
    for rule in rules:
        if not _meets(rule, listener):
            continue
        opens = rule.action in {"allow", "limit"}
        if rule.source == ANY and not rule.interface:
            return Reach.ALL if opens else reach
        reach = Reach.SOME if opens else reach
    return Reach.ALL if default == "allow" else reach


def _meets(rule: Rule, listener: Listener) -> bool:
    if rule.direction != "in" or rule.protocol not in {ANY, listener.protocol}:
        return False
    return rule.port == ANY or any(low <= listener.port <= high for low, high in spans(rule.port))
