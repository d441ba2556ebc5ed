# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which level each verb of opsctl needs, on what, and which of its options belong to that level.

Deny by default: a verb that is not here, and an option that its rule does not name, is for admins. So an option that names a file to read
or write, that confirms that something is destroyed, or that goes round a check, is never in a rule below admin.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

from .operators import Level


class Reach(Enum):
    """What a verb is about."""

    NOTHING = auto()  # the same for everybody: pages, versions
    STACK = auto()  # exactly one stack
    STACKS = auto()  # the stack that is named, or all
    HOST = auto()  # all stacks, and what belongs to none


@dataclass(frozen=True)
class Rule:
    """What a verb needs.

    :param options: those that whoever may use the verb may use as well, by their names in the parsed command line.
    :param everywhere: those that show more than one stack, so that the scope has to be of all.
    :param unit: systemd runs it by itself.
    """

    level: Level
    reach: Reach
    options: frozenset[str] = frozenset()
    everywhere: frozenset[str] = frozenset()
    unit: bool = False


def _rule(level: Level, reach: Reach, options: str = "", everywhere: str = "", *, unit: bool = False) -> Rule:
    stack = () if reach in (Reach.NOTHING, Reach.HOST) else ("stack",)
    return Rule(level, reach, frozenset((*stack, "json", *options.split())), frozenset(everywhere.split()), unit=unit)


READ, DEPLOY, ADMIN = Level
_CHANGE = "confirm wait dry_run"
_LINES = "services follow lines since grep request replica timestamps no_prefix colour"

RULES: Mapping[str, Rule] = {
    "status": _rule(READ, Reach.STACKS, "wide", "all"),
    "version": _rule(READ, Reach.NOTHING),
    "health": _rule(READ, Reach.STACKS),
    "upstreams show": _rule(READ, Reach.STACKS),
    "upstreams sync": _rule(DEPLOY, Reach.HOST),
    "upstreams follow": _rule(ADMIN, Reach.HOST, unit=True),
    # Another version of a program that is there; another program would be somebody else's decision (`access/images.py`).
    "deploy": _rule(DEPLOY, Reach.STACK, f"{_CHANGE} image model recreate"),
    "rollback": _rule(DEPLOY, Reach.STACK, f"{_CHANGE} to"),
    "scale": _rule(DEPLOY, Reach.STACK, f"{_CHANGE} services"),
    "deploys": _rule(READ, Reach.STACKS),
    "deploys show": _rule(READ, Reach.STACK, "id"),
    "deploys execute": _rule(ADMIN, Reach.HOST, unit=True),
    "approve": _rule(DEPLOY, Reach.STACK, "confirm id"),  # a link is somebody else's word, which only administrators may ask for
    "whatruns": _rule(READ, Reach.STACKS),
    "releases": _rule(READ, Reach.STACK),
    "models": _rule(READ, Reach.STACK),
    "history": _rule(READ, Reach.STACK, "lines"),
    "watchdog steward": _rule(ADMIN, Reach.HOST, unit=True),
    "watchdog check": _rule(READ, Reach.HOST),
    "alert test": _rule(DEPLOY, Reach.STACK),
    "alert deliver": _rule(ADMIN, Reach.HOST, unit=True),
    "incidents": _rule(READ, Reach.STACKS),
    "maintenance on": _rule(ADMIN, Reach.HOST),
    "maintenance off": _rule(ADMIN, Reach.HOST),
    "maintenance list": _rule(READ, Reach.HOST),
    "backup run": _rule(DEPLOY, Reach.STACK, "confirm plan if_older"),
    "backup list": _rule(READ, Reach.STACK, "target plan"),
    "backup verify": _rule(DEPLOY, Reach.STACK, "target snapshot plan"),
    "backup push": _rule(ADMIN, Reach.STACK, unit=True),
    "backup escrow": _rule(ADMIN, Reach.STACK),
    "backup check": _rule(READ, Reach.STACK),
    "backup connect": _rule(ADMIN, Reach.HOST, unit=True),
    "restore database": _rule(ADMIN, Reach.STACK),
    "restore cache": _rule(ADMIN, Reach.STACK),
    "restore volume": _rule(ADMIN, Reach.STACK),
    "restore everything": _rule(ADMIN, Reach.STACK),
    "restore files": _rule(ADMIN, Reach.STACK),
    "restore dump": _rule(ADMIN, Reach.STACK),
    "restore identity": _rule(ADMIN, Reach.STACK),
    "restore resume": _rule(ADMIN, Reach.STACK),
    "restore undo": _rule(ADMIN, Reach.STACK),
    "restore confirm": _rule(ADMIN, Reach.STACK),
    "ps": _rule(READ, Reach.STACKS, "services wide"),
    "logs": _rule(READ, Reach.STACK, _LINES, "archive host kind"),
    "shell": _rule(ADMIN, Reach.STACK),  # whoever is in a container has its secrets
    "log-archive list": _rule(READ, Reach.HOST),
    "log-archive verify": _rule(READ, Reach.HOST, "known"),
    "jobs": _rule(READ, Reach.STACKS),
    "jobs log": _rule(READ, Reach.STACK, "job run"),
    "jobs execute": _rule(ADMIN, Reach.STACK, unit=True),
    "run": _rule(DEPLOY, Reach.STACK, "confirm job wait"),
    "remove": _rule(ADMIN, Reach.HOST),
    "check": _rule(READ, Reach.STACKS, "all"),
    "recover": _rule(ADMIN, Reach.STACK),  # it goes as far as a restore
    "runbook": _rule(READ, Reach.NOTHING, "name"),
    "isolate": _rule(ADMIN, Reach.HOST),
    "incident": _rule(READ, Reach.STACKS, "since steps"),
    "slo": _rule(READ, Reach.STACKS),
    "report": _rule(READ, Reach.HOST, "since month"),
    "tunnel": _rule(READ, Reach.STACK, "port local service"),
    "rotate": _rule(DEPLOY, Reach.STACK, f"{_CHANGE} names all due finish repair"),
    "confinement": _rule(DEPLOY, Reach.STACK, "services"),  # it starts containers of the release
    "access": _rule(READ, Reach.HOST, "markdown"),
    "egress show": _rule(READ, Reach.HOST),
    "egress refresh": _rule(ADMIN, Reach.HOST, unit=True),
    "patches": _rule(READ, Reach.HOST, "lines"),
    "completion": _rule(READ, Reach.NOTHING, "shell"),
}
OF_ADMINS = Rule(ADMIN, Reach.HOST)  # of what has no rule
