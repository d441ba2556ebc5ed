# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verb of opsctl that takes a stack away from this host, as playbook remove_stack does.

The stack is always written: neither the folder one stands in nor its being the only one says that it is to go.
"""

from __future__ import annotations

import argparse
from typing import Any

from . import confirmation
from .arguments import confirmable, shared
from .errors import NOT_CONFIRMED
from .output import Output
from .stack_choice import existing


def add_parsers(verbs: Any) -> None:
    """The command line of this verb."""
    parser = verbs.add_parser("remove", parents=[shared(stack=""), confirmable()])
    parser.add_argument("name", metavar="NAME", help="the stack")
    parser.add_argument("--yes", action="store_true", help="do it; without this only what would go is said")
    parser.add_argument("--volumes", action="store_true", help="its data as well")
    parser.add_argument("--secrets", action="store_true", help="its secrets as well, and with them the keys of its backups")
    parser.add_argument("--no-backup", action="store_true", help="without a last backup that is made and proven before")
    parser.add_argument("--wait", type=float, default=60, metavar="SECONDS", help="wait so long for somebody else's work on it")


def run_verb(options: argparse.Namespace, output: Output) -> int:
    """Say what would go, or take it away.

    :raises ValueError: there is no stack of this name.
    :raises NoProof: the last backup is not proven; nothing was removed.
    """
    from ..containers.client import Engine
    from ..core.progress import Progress
    from ..firewall.rules import FirewallError
    from ..hostconfig.service_units import UnitError
    from ..removal import last_backup
    from ..removal.stack import Wish, known, remove

    stack = existing(options.name, known())
    confirmation.require(options, stack)
    wish = Wish(stack, volumes=options.volumes, secrets=options.secrets, wait=options.wait)
    engine = Engine()
    plan = remove(wish, engine, check=True)
    data: dict[str, Any] = {"stack": stack, "confirmed": options.yes, "removed": plan.gone, "left": plan.left}
    if not plan.gone:
        output.result(data, "\n".join([f"nothing of {stack} is there any more", *plan.lines]))
        return 0
    if not options.yes:
        lines = [f"of the stack {stack} this would go:", *(f"  {line}" for line in plan.lines), "nothing was changed: say --yes"]
        output.result(data, "\n".join(lines))
        return NOT_CONFIRMED
    if not options.no_backup:
        progress = Progress(stack, "removal", tell=output.line)
        try:
            last_backup.make(stack, engine, progress, plan)
        finally:
            progress.close()
    try:
        report = remove(wish, engine, progress=output.line)
    except (FirewallError, UnitError) as error:
        raise ValueError(f"{error}; the same command goes on with what is left") from error
    output.result({**data, "removed": report.gone, "left": report.left}, "\n".join(report.lines))
    return 0
