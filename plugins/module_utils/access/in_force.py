# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is in force for operators on a host, asked of the programs themselves: a file of somebody else may undo what role access writes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ..core.process import CommandError, run
from ..schema.nodes import Problem
from .operators import Operator
from .places import COMMAND, SUDOERS, SUDOERS_PREFIX
from .rendering import KEYS, SSHD

_SPECIMEN = "host=client.invalid,addr=192.0.2.1,laddr=192.0.2.2,lport=22"  # of documentation (RFC 5737)
_MAY = re.compile(r"^ {4}(\(.*)$", re.MULTILINE)
# As ``sudo -l`` writes a rule: run as, tags, command.
_RULE = re.compile(r"\((?P<runas>[^)]*)\)\s+(?:(?P<tags>(?:[A-Z_]+:\s*)+))?(?P<command>.*)")


def problems(operators: Iterable[Operator]) -> Iterator[Problem]:
    """What is otherwise than declared."""
    for operator in operators:
        yield from _keys(operator)
        yield from _rights(operator)


def _keys(operator: Operator) -> Iterator[Problem]:
    """sshd takes the keys of these files, and no others."""
    name = operator.name
    shown = run(["sshd", "-T", "-C", f"user={name},{_SPECIMEN}"], check=False, timeout=20)
    settings = dict(line.partition(" ")[::2] for line in shown.stdout.splitlines())
    if shown.rc != 0 or not settings:
        return  # no server here, as in the making of an image
    wanted = f"{KEYS}/%u"
    if settings.get("authorizedkeysfile") != wanted or settings.get("authorizedkeyscommand", "none") != "none":
        problem = f"sshd takes other keys for {name} than the declared ones, since a file that it reads before {SSHD} says so"
        fix = f"remove that line (`grep -r AuthorizedKeys /etc/ssh`), or name it below Match User for others than {name}"
        yield Problem(f"AuthorizedKeysFile of {name}", settings.get("authorizedkeysfile", ""), problem, fix)
    methods = settings.get("authenticationmethods", "any")
    if not all(way.split(",")[0] == "publickey" for way in methods.split()):
        problem = f"sshd lets {name} in without a key, since a file that it reads before {SSHD} says so"
        yield Problem(f"AuthenticationMethods of {name}", methods, problem, f"remove that line, or name it for others than {name}")


def rules(listing: str) -> list[str]:
    """The rules in what ``sudo -l -U`` says, each ``run as: command`` without its tags."""
    found = []
    for line in _MAY.findall(listing):
        if match := _RULE.fullmatch(line.strip()):
            found.append(f"{match['runas'].replace(' ', '')}: {match['command']}")
        else:
            found.append(line.strip())
    return found


def _rights(operator: Operator) -> Iterator[Problem]:
    """sudo permits what the scopes say, and nothing that some other file gives."""
    name = operator.name
    try:
        shown = run(["sudo", "--non-interactive", "--list", f"--other-user={name}"], check=False, timeout=20)
    except CommandError:
        return
    there = rules(shown.stdout)
    wanted = "ALL:ALL: ALL" if operator.admin else f"root:root: {COMMAND}"
    if wanted not in there:
        problem = f"sudo does not know the rule of {name}: {shown.stderr.strip() or 'its file is not read'}"
        yield Problem(f"sudo of {name}", "", problem, f"let /etc/sudoers have the line `@includedir {SUDOERS}`")
    more = [rule for rule in there if rule != wanted]
    if more and not operator.admin:
        problem = f"{name} has more rights than the declared ones, from another file than {SUDOERS}/{SUDOERS_PREFIX}{name}"
        yield Problem(f"sudo of {name}", "; ".join(more), problem, f"remove them (`grep -r {name} /etc/sudoers /etc/sudoers.d`)")
