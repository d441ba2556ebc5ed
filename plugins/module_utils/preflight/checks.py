# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All checks of a preflight, by the role that each speaks for, and their findings together.

A check is a function of the host and of what the run's roles want: the variables C(__<role>_preflight) of the roles (roles/*/vars), by
role. It yields a Problem for each thing that stands against the run, reads only, and must bear a bare host. A new one is one function and
one line here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..core.masking import clean
from ..core.process import CommandError
from ..release.store import ReleaseError
from ..schema.nodes import Problem
from ..tls.brought import Side
from . import (
    access,
    behind,
    budgets,
    delivered_images,
    disk,
    docker,
    exporters,
    host_certificates,
    http3,
    images,
    ipv6_forwarding,
    log_host,
    login,
    logs,
    neighbours,
    never_banned,
    nginx_sites,
    operators,
    own_certificates,
    router_advertisements,
    schedules,
    ssh_port,
    ufw,
    web_ports,
)
from .host import Host

Wanted = Mapping[str, Mapping[str, Any]]  # by role
Check = Callable[[Host, Wanted], Iterable[Problem]]

CHECKS: Mapping[str, tuple[Check, ...]] = {
    "base": (disk.room, operators.keys, operators.connection_stays, operators.key_in_use_stays),
    "access": (access.declared, access.let_in, access.comes_back),
    "os_hardening": (router_advertisements.depended_on, ipv6_forwarding.depended_on),
    "ssh_hardening": (login.comes_back, ssh_port.elsewhere, never_banned.by_sshd),
    "fail2ban": (never_banned.by_fail2ban,),
    "firewall": (ufw.published_ports,),
    "docker": (docker.source, docker.configuration),
    "jobs": (schedules.understood,),
    "stack": (neighbours.claimed, budgets.left, delivered_images.kept, images.available),
    "nginx": (
        web_ports.taken,
        nginx_sites.others,
        nginx_sites.beside,
        nginx_sites.wildcards,
        behind.contradicted,
        own_certificates.usable,
        own_certificates.twice,
        http3.spoken,
        http3.free,
    ),
    "exporters": (
        exporters.foreign,
        exporters.taken,
        host_certificates.declared("exporters"),
        host_certificates.front_taken,
        host_certificates.brought("exporters", "exporters_front_", Side.SERVER),
    ),
    "monitoring": (
        exporters.foreign_monitoring,
        exporters.taken_monitoring,
        host_certificates.declared("monitoring"),
        host_certificates.brought("monitoring", "monitoring_scrape_", Side.CLIENT),
    ),
    "grafana": (exporters.foreign_grafana, exporters.taken_grafana),
    "log_shipping": (
        log_host.certificates,
        log_host.fitting,
        log_host.sink_files,
        log_host.taken,
        host_certificates.declared("log_shipping"),
    ),
    "host_certificates": (host_certificates.declared("host_certificates"),),
    "log_rotation": (logs.shared_folders,),
}


@dataclass
class Findings:
    """What all checks found.

    :param unseen: what could not be looked at; that alone stops no run.
    """

    problems: list[Problem] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)

    def report(self) -> str:
        """All problems as a message."""
        return "\n".join(["this host does not fit what is declared; nothing was changed:", *map(str, self.problems)])


def look_at_several(wanted: Wanted, stacks: Mapping[str, Mapping[str, Any]], host: Host | None = None) -> Findings:
    """The same for a run of several stacks: what each of them wants is compared, too, and its findings have its name.

    :param stacks: what role stack wants, by the names of the stacks.
    """
    host = host or Host()
    findings = look({role: given for role, given in wanted.items() if role != "stack" or not stacks}, host)
    of_stacks = look_at_each(wanted, stacks, host)
    return Findings([*findings.problems, *of_stacks.problems], [*findings.unseen, *of_stacks.unseen])


def look_at_each(wanted: Wanted, stacks: Mapping[str, Mapping[str, Any]], host: Host) -> Findings:
    """What stands against each of several stacks, with its name."""
    findings = Findings()
    for name, given in stacks.items():
        of_stack = look({"stack": given}, host, {"stack": CHECKS["stack"]}, wanted)
        findings.problems += [replace(problem, key=f"{name}: {problem.key}") for problem in of_stack.problems]
        findings.unseen += [f"{name}: {line}" for line in of_stack.unseen]
    return findings


def look(
    wanted: Wanted, host: Host | None = None, checks: Mapping[str, tuple[Check, ...]] | None = None, beside: Wanted | None = None
) -> Findings:
    """Ask every check of the roles that take part.

    :param checks: instead of `CHECKS`.
    :param beside: what other roles of the run want, which are asked elsewhere.
    """
    host, checks = host or Host(), CHECKS if checks is None else checks
    findings = Findings()
    for role in wanted:
        for check in checks.get(role, ()):
            try:
                findings.problems.extend(check(host, {**(beside or {}), **wanted}))
            except (OSError, CommandError, ValueError, ReleaseError) as error:
                findings.unseen.append(f"{role}: {check.__module__.rpartition('.')[2]}: {clean(error)}")
    return findings
