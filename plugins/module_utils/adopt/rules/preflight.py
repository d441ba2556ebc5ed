# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``site.yml`` itself would refuse before its first change: the preflight's own problems."""

from __future__ import annotations

from collections.abc import Iterator

from ...preflight import checks, nginx_sites, ufw, web_ports
from ..finding import Finding, Given, Verdict

# Judged in more detail by a rule of their own, thing by thing; a test holds that none is lost.
ELSEWHERE = (nginx_sites.others, web_ports.taken, ufw.published_ports)


def judge(given: Given) -> Iterator[Finding]:
    """A conflict for each problem."""
    wanted = {role: arguments["preflight"] for role, arguments in given.wanted.items() if arguments.get("preflight")}
    rest = {role: tuple(check for check in of_role if check not in ELSEWHERE) for role, of_role in checks.CHECKS.items()}
    several = (given.role("stack") or {}).get("each") or {}
    for role in [*wanted, *(["stack"] if several else [])]:
        if role == "stack" and several:
            outcome = checks.look_at_each(wanted, several, given.host)
        else:
            outcome = checks.look(wanted, given.host, {role: rest.get(role, ())})
        given.survey.unseen.extend(outcome.unseen)
        for problem in outcome.problems:
            details = problem.problem + (f" (found {problem.value})" if problem.value else "")
            base = Finding("preflight", problem.key, details)
            yield base.judged(Verdict.CONFLICT, role, "refuses the host before the first change", "", problem.fix)
