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
from dataclasses import dataclass, field
from typing import Any

from ..core.masking import clean
from ..core.process import CommandError
from ..schema.nodes import Problem
from . import disk, docker, images, login, logs, nginx_sites, operators, ssh_port, ufw, web_ports
from .host import Host

Wanted = Mapping[str, Mapping[str, Any]]  # by role
Check = Callable[[Host, Wanted], Iterable[Problem]]

CHECKS: Mapping[str, tuple[Check, ...]] = {
    "base": (disk.room, operators.keys, operators.connection_stays, operators.key_in_use_stays),
    "ssh_hardening": (login.comes_back, ssh_port.elsewhere),
    "firewall": (ufw.published_ports,),
    "docker": (docker.source, docker.configuration),
    "stack": (images.available,),
    "nginx": (web_ports.taken, nginx_sites.others),
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


def look(wanted: Wanted, host: Host | None = None, checks: Mapping[str, tuple[Check, ...]] | None = None) -> Findings:
    """Ask every check of the roles that take part.

    :param checks: instead of `CHECKS`.
    """
    host, checks = host or Host(), CHECKS if checks is None else checks
    findings = Findings()
    for role in wanted:
        for check in checks.get(role, ()):
            try:
                findings.problems.extend(check(host, wanted))
            except (OSError, CommandError) as error:
                findings.unseen.append(f"{role}: {check.__module__.rpartition('.')[2]}: {clean(error)}")
    return findings
