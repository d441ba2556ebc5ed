# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules and settings of UFW that somebody has made: role firewall brings UFW to one policy, that of the inventory."""

from __future__ import annotations

from collections.abc import Iterator

from ...firewall.foreign import shadowed
from ...firewall.rules import ANY, Rule, parse_stored
from ...firewall.ufw_files import expected
from ..finding import Finding, Given, Verdict, spelled
from ..survey.ufw import Ufw, UfwRule
from .reach import declared_rules

DEFAULTS = {"incoming": "firewall_incoming", "outgoing": "firewall_outgoing", "routed": "firewall_routed"}


def judge(given: Given) -> Iterator[Finding]:
    """Rules by the command, lines by hand, the block of ufw-docker, defaults."""
    ufw = given.survey.ufw
    if not ufw.installed:
        return
    declared = declared_rules(given)
    for rule in ufw.rules:
        yield _judged(given, rule, declared)
    yield from _additions(ufw)
    if ufw.docker_block:
        yield _docker_block(given, ufw)
    yield from _defaults(given, ufw)


def _judged(given: Given, rule_of_ufw: UfwRule, declared: list[Rule]) -> Finding:
    base = Finding("ufw rule", rule_of_ufw.words, "user.rules" if given.survey.ufw.enabled else "user.rules, of an UFW that is off")
    if given.role("firewall") is None:
        return base
    if all(line in expected(declared, family) for family, line in rule_of_ufw.stored.items()):
        return base.judged(Verdict.MANAGED, "firewall")
    rules = {rule for line in rule_of_ufw.stored.values() if (rule := parse_stored(line))}
    if rules and all(any(other.covers(rule) for other in declared) for rule in rules):
        return base.judged(Verdict.TAKEN_OVER, "firewall", "has a rule for the same of its own")
    if given.keeps_foreign("firewall"):
        if shut := shadowed(rule_of_ufw.stored.values(), declared):
            effect = f"refuses the host: {shut[0][1].port}/{shut[0][1].protocol} is declared open, and this rule stands before it"
            return base.judged(Verdict.CONFLICT, "firewall", effect, "", "remove it with `ufw delete`, or the opening from the inventory")
        return base.judged(Verdict.STAYS, "firewall", "keeps rules that it did not write, before its own")
    effect = "removes it: UFW gets the rules of the inventory and no others"
    if len(rules) != 1:
        fix = "firewall_keep_foreign", "true"
        effect += "; a rule of the inventory cannot say the same (it names a source port, or differs between IP versions)"
    else:
        fix = "firewall_extra_rules", f"[{spelled(as_declared(next(iter(rules))))}]"
    return base.judged(Verdict.REPORTED, "firewall", f"{effect} (firewall_keep_foreign: true keeps all)", *fix)


def as_declared(rule: Rule) -> dict[str, object]:
    """A rule in the form of ``firewall_extra_rules``."""
    written: dict[str, object] = {} if rule.action == "allow" else {"action": rule.action}
    if rule.port != ANY:
        written["port"] = int(rule.port) if rule.port.isdigit() else rule.port
    if rule.protocol != ANY:
        written["protocol"] = rule.protocol
    if rule.direction != "in":
        written["direction"] = rule.direction
    pairs = (("from", rule.source), ("to", rule.destination))
    written |= {name: [network] for name, network in pairs if network != ANY}
    written |= {name: value for name, value in (("interface", rule.interface), ("interface_out", rule.interface_out)) if value}
    return written | ({"comment": rule.comment} if rule.comment else {})


def _additions(ufw: Ufw) -> Iterator[Finding]:
    """Role firewall touches only its own part of after.rules: what stands by hand in these files stays, and stays in force."""
    files: dict[str, list[str]] = {}
    for addition in ufw.additions:
        files.setdefault(addition.file, []).append(addition.text)
    for path, lines in files.items():
        rules = [line for line in lines if line.startswith("-")]
        if rules:
            shown = rules[0] + (f" and {len(rules) - 1} more" if len(rules) > 1 else "")
            yield Finding(
                "ufw file", path, shown, Verdict.STAYS, "firewall", "leaves lines of others; they stay in force beside the policy"
            )


def _docker_block(given: Given, ufw: Ufw) -> Finding:
    base = Finding("ufw-docker", ufw.docker_block, "rules for Docker's published ports")
    wanted = given.role("firewall")
    if wanted is None or not wanted.get("docker", True):
        return base
    effect = "refuses the host: their rules and ours for published ports would empty each other's chain"
    return base.judged(Verdict.CONFLICT, "firewall", effect, "firewall_docker", "false")


def _defaults(given: Given, ufw: Ufw) -> Iterator[Finding]:
    wanted = given.role("firewall")
    for direction, variable in DEFAULTS.items():
        now, later = ufw.defaults.get(direction, ""), str((wanted or {}).get(direction, ""))
        if wanted is None or not ufw.enabled or now == later or not now or not later:
            continue
        details = f"{now} now"
        effect = f"sets it to {later}"
        loses = now == "allow"
        verdict = Verdict.REPORTED if loses else Verdict.TAKEN_OVER
        yield Finding("ufw default", f"{direction} traffic", details, verdict, "firewall", effect, variable, now)
