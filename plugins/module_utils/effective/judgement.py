# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All that hardening roles have written and something on the host overrules, and who does.

What is wanted is read from the files of the roles as they lie on the host, so it needs no controller; what is in force, from the programs
themselves. A judge is a function of the host, by the role whose settings it looks at. It reads only, and bears a host without the role.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from ..core.masking import clean
from ..core.process import CommandError
from ..preflight.host import Host
from ..schema.nodes import Problem
from . import allowed, apt, limits, needrestart, sshd, sudo, sysctl, systemd
from .deviation import Deviation

Judge = Callable[[Host], Iterable[Deviation]]
JUDGES: Mapping[str, tuple[Judge, ...]] = {
    "base": (sudo.judge, partial(systemd.judge, role="base")),
    "os_hardening": (sysctl.judge, limits.judge, partial(systemd.judge, role="os_hardening")),
    "ssh_hardening": (sshd.judge,),
    "auto_updates": (apt.judge, needrestart.judge, partial(systemd.judge, role="auto_updates")),
}


@dataclass
class Judgement:
    """What was found.

    :param deviations: those that nobody allows, and ``allowed`` those that the inventory does, each with its reason.
    :param unused: what is allowed and is not the case, by role.
    :param unseen: what could not be looked at.
    """

    deviations: list[Deviation] = field(default_factory=list)
    allowed: list[Deviation] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)

    def report(self) -> str:
        """All deviations as a message."""
        return "\n".join(["settings of this run are not in force on this host:", *map(str, self.problems())])

    def problems(self) -> list[Problem]:
        """The same in the form of all refusals."""
        return [Problem(f"{one.role}: {one.key}", "", one.problem, one.fix) for one in self.deviations]

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        lists = {"deviations": self.deviations, "allowed": self.allowed}
        return {**{name: [one.as_dict() for one in found] for name, found in lists.items()}, "unused": self.unused, "unseen": self.unseen}


def judge(roles: Sequence[str] = tuple(JUDGES), host: Host | None = None) -> Judgement:
    """Ask about all settings of these roles; those without any are passed over."""
    host, judgement = host or Host(), Judgement()
    for role in (role for role in roles if role in JUDGES):
        found: list[Deviation] = []
        reasons: Mapping[str, str] = {}
        try:
            reasons = allowed.of(host, role)
        except ValueError as error:
            judgement.unseen.append(f"{role}: {clean(error)}")
        for ask in JUDGES[role]:
            try:
                found += ask(host)
            except (OSError, CommandError, ValueError, KeyError, TypeError) as error:
                name = getattr(ask, "func", ask).__module__.rpartition(".")[2]
                judgement.unseen.append(f"{role}: {name}: {type(error).__name__}: {clean(error)}")
        judgement.deviations += (one for one in found if one.key not in reasons)
        judgement.allowed += (replace(one, reason=reasons[one.key]) for one in found if one.key in reasons)
        judgement.unused += sorted(f"{role}: {key}" for key in reasons.keys() - {one.key for one in found})
    return judgement
