# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Other managers of the packet filter, and rules that somebody has put into it."""

from __future__ import annotations

from collections.abc import Iterator

from ...firewall.docker_ports import CHAIN
from ...firewall.host import RIVALS, rival
from ..finding import Finding, Given, Verdict
from ..survey.chains import ForeignRules


def judge(given: Given) -> Iterator[Finding]:
    """Managers that start at boot, and chains with rules that are neither Docker's nor UFW's."""
    manager = rival(given.host.exists)
    if manager:
        yield _rival(given, manager)
    for rules in given.survey.chains:
        if rules.owner != "firewalld" or manager != "firewalld":
            yield _judged(given, rules, manager)


def _rival(given: Given, manager: str) -> Finding:
    base = Finding("firewall", manager, f"{manager}.service starts at boot")
    if given.role("firewall") is None:
        return base
    effect = "refuses the host: two managers of the packet filter undo each other's rules"
    fix = f"`systemctl disable --now {manager}`, with what it opens in firewall_extra_rules; its files: {RIVALS[manager]}"
    return base.judged(Verdict.CONFLICT, "firewall", effect, "", fix)


def _judged(given: Given, rules: ForeignRules, manager: str) -> Finding:
    count = f"{len(rules.rules)} rules" if len(rules.rules) > 1 else (rules.rules[0] if rules.rules else "no rule")
    base = Finding("packet filter", f"{rules.table} {rules.chain}", f"{rules.owner or 'of somebody'}: {count}")
    wanted = given.role("firewall")
    if wanted is None:
        return base
    if rules.chain == CHAIN and wanted.get("docker", True):
        effect = "empties this chain: it holds the policy for published ports"
        return base.judged(Verdict.TAKEN_OVER, "firewall", effect, "firewall_docker", "false")
    if rules.closes:
        effect = "puts UFW's rules behind one that refuses everything: what it opens, 80 and 443 too, stays shut"
        fix = f"take that rule out of {RIVALS.get(manager, 'the file or program that makes it')}"
        return base.judged(Verdict.CONFLICT, "firewall", effect, "", fix)
    return base.judged(Verdict.STAYS, "firewall", "leaves it; what it accepts stays open beside the policy")
