# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of UFW that somebody else has made, for a policy that keeps them.

What this collection wrote is recorded, so that a rule that is declared no more goes, and one that was never declared stays. Theirs come
before ours, in their order: a network that they shut out stays shut out. They are kept as they stand, with what UFW alone can say. One that
a declared rule covers gives way to it, and comes back when that is declared no more: their site on port 443 needs it then as before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ..core.versioned_json import read_state, write_state
from .rules import ANY, Rule, parse_stored, spans
from .ufw_files import MARK, stored

RECORD = Path("/var/lib/latentum-ops/firewall/ufw.json")
RULES = "### RULES ###\n"  # where UFW begins with the rules of its command
_BLOCK = re.compile(rf"^{re.escape(MARK)}.*\n(?:-[AI] .*\n)*", re.MULTILINE)


def recorded(record: Path = RECORD) -> Mapping[int, Sequence[str]]:
    """The rules that the last policy wrote, as UFW keeps them, by IP version; none before the first that kept those of others."""
    raw: Mapping[str, Any] = read_state(record, {})
    return {family: [str(line) for line in (raw.get("rules") or {}).get(str(family)) or ()] for family in (4, 6)}


def given_way(record: Path = RECORD) -> Mapping[int, Mapping[str, str]]:
    """Rules of others in whose place a declared one stands, by IP version: each line as UFW keeps it, with its whole block."""
    raw: Mapping[str, Any] = read_state(record, {})
    return {family: dict((raw.get("given_way") or {}).get(str(family)) or {}) for family in (4, 6)}


def record(rules: Mapping[int, Sequence[str]], covered: Mapping[int, Mapping[str, str]], path: Path = RECORD) -> None:
    """Remember what the policy wrote, and which rules of others gave way to it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    written = {str(family): list(lines) for family, lines in rules.items()}
    write_state(path, {"rules": written, "given_way": {str(family): dict(blocks) for family, blocks in covered.items()}}, 0o600)


def foreign(content: str, declared: Sequence[Rule], expected: Iterable[str], own: Iterable[str], away: Iterable[str] = ()) -> list[str]:
    """The lines of a user.rules file that are somebody else's, without those that a declared rule covers.

    :param expected: what is declared, as UFW keeps it; ``own``: what the last policy wrote; ``away``: what gave way to it.
    """
    ours, there = {*expected, *own}, stored(content)
    back = [line for line in away if line not in there]
    return [line for line in (*there, *back) if line not in ours and not _covered(line, declared)]


def giving_way(
    content: str, declared: Sequence[Rule], expected: Iterable[str], own: Iterable[str], away: Mapping[str, str]
) -> dict[str, str]:
    """The lines that are somebody else's and that a declared rule covers, with their blocks; parameters as above."""
    ours, blocks = {*expected, *own}, {**away, **_blocks(content)}
    return {line: blocks[line] for line in dict.fromkeys((*stored(content), *away)) if line not in ours and _covered(line, declared)}


def _covered(line: str, declared: Sequence[Rule]) -> bool:
    rule = parse_stored(line)
    return rule is not None and any(other.covers(rule) for other in declared)


def _blocks(content: str) -> dict[str, str]:
    return {block.splitlines()[0].removeprefix(MARK).strip(): block for block in _BLOCK.findall(content)}


def spliced(made: str, content: str, lines: Sequence[str], away: Mapping[str, str] = MappingProxyType({})) -> str:
    """A file that UFW made, with these rules of another before its own, as they stand there, or stood before they gave way."""
    blocks = {**away, **_blocks(content)}
    kept = "\n".join(blocks[line] for line in lines)
    return made.replace(RULES, f"{RULES}\n{kept}", 1) if lines else made


def shadowed(lines: Iterable[str], declared: Sequence[Rule]) -> list[tuple[str, Rule]]:
    """Declared openings that would never be reached, each with the rule that shuts all of their traffic out before them."""
    closing = [
        (line, rule) for line in lines if (rule := parse_stored(line)) and rule.action in {"deny", "reject"} and rule.direction == "in"
    ]
    return [
        (line, opening)
        for line, rule in closing
        for opening in declared
        if opening.action in {"allow", "limit"} and opening.direction == "in" and _shuts(rule, opening)
    ]


def _shuts(rule: Rule, opening: Rule) -> bool:
    """Every connection that the opening admits meets the rule first."""
    ports = rule.port == ANY or (
        opening.port != ANY
        and all(any(low <= first and last <= high for low, high in spans(rule.port)) for first, last in spans(opening.port))
    )
    return (
        ports
        and rule.protocol in {ANY, opening.protocol}
        and rule.source in {ANY, opening.source}
        and rule.destination in {ANY, opening.destination}
        and rule.interface in {"", opening.interface}
    )
