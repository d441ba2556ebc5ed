# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verbs of opsctl: the file that has each, and its line in `opsctl --help`.

A file is imported when a verb of it is called: all of them take three times as long as the interpreter itself, at each call, and memory in
what runs for weeks (`opsctl watchdog steward`). Such a file has two functions: `add_parsers(verbs)`, which describes the command lines of
its verbs, and `run_verb(options, output)`, which carries one out.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType


@dataclass(frozen=True)
class Verb:
    """One verb.

    :param file: name of its module in this package.
    """

    file: str
    help: str

    def load(self) -> ModuleType:
        """The module."""
        return importlib.import_module(f"{__package__}.{self.file}")


# In the order of the list.
VERBS: Mapping[str, Verb] = {
    "status": Verb("status", "what runs here, and what needs attention"),
    "version": Verb("engine", "version and digest of the engine on this host"),
    "health": Verb("health", "judge every declared service; exit status 1 when one is not as expected"),
    "upstreams": Verb("upstreams", "the upstreams of nginx"),
    "deploy": Verb("deploy", "a new image for services, as a rolling update; without one, the live release again"),
    "rollback": Verb("deploy", "back to the last good release, as a rolling update"),
    "scale": Verb("deploy", "other numbers of containers, without losing a request"),
    "deploys": Verb("deploys", "releases that came by themselves: what waits, what is under way, what became of it"),
    "approve": Verb("deploys", "let a release go live that waits for approval"),
    "whatruns": Verb("deploys", "which version, commit and digest runs, since when and by whom"),
    "releases": Verb("releases", "what was deployed, what is live, where a rollback goes"),
    "models": Verb("releases", "versions of registered models: what serves, and what the registry has"),
    "history": Verb("releases", "every step of every deployment"),
    "watchdog": Verb("watchdog", "the daemon that watches and heals"),
    "alert": Verb("watchdog", "messages to people"),
    "incidents": Verb("watchdog", "what is wrong now, what was wrong, and what was done about it"),
    "maintenance": Verb("watchdog", "work here without alarms and healing"),
    "backup": Verb("backup", "make, list and prove backups"),
    "restore": Verb("backup", "bring back what a backup holds"),
    "ps": Verb("containers", "the containers: state, health, address, image, release"),
    "logs": Verb("containers", "what the containers of services wrote, without secrets"),
    "shell": Verb("containers", "a shell, or a command, in a healthy container of a service; noted in the journal"),
    "log-archive": Verb("log_archive", "the tree of logs: what is in it, and whether it was changed"),
    "jobs": Verb("jobs", "jobs: their last run, its result, when the next one is due"),
    "run": Verb("jobs", "run a job now; noted in the journal with who wants it"),
    "remove": Verb("removal", "take a stack away from this host, and nothing of others; first say what would go"),
    "check": Verb("emergency", "every probe once; exit status 0 well, 1 with warnings, 2 critical"),
    "recover": Verb("emergency", "a stack that fails: look, restart, roll back, restore, until all checks pass"),
    "runbook": Verb("emergency", "what to do when something fails: the pages, or one of them"),
    "isolate": Verb("emergency", "evidence first, then this host is cut off from all but the SSH of its operators"),
    "incident": Verb("emergency", "the timeline of an incident as Markdown: deployments, alerts, maintenance, backups"),
    "slo": Verb(
        "objectives",
        "objectives and their error budgets; exit status 0 enough left, 1 new releases are refused, 3 nothing known of one",
    ),
    "report": Verb(
        "capacity", "capacity and cost: when disk, memory and connections are full, limits against use, idle services, cost by stack"
    ),
    "rotate": Verb("rotation", "give secrets other values without losing a request; without a name, their ages"),
    "patches": Verb("patches", "updates of this host: packages, restarts, reboots, and what was left"),
    "egress": Verb("egress", "what containers may reach beyond this host, by network"),
    "tunnel": Verb("tunnel", "the SSH command by which another machine reaches what a service publishes on loopback"),
    "access": Verb("access", "who may do what on this host, with which keys, until when"),
    "confinement": Verb(
        "confinement",
        "try services with dropped capabilities and a read-only root, in containers of their own; changes nothing; 1 one is not known",
    ),
    "completion": Verb("completion", "a script that completes this command line, for bash, zsh or fish"),
}
