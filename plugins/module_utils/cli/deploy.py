# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verbs of opsctl that change what is live."""

from __future__ import annotations

import argparse
import signal
from typing import Any

from ..backup import settings as backup_settings
from ..core.format import folded
from ..release.pinning import redeclared, with_images, with_replicas, with_versions
from ..rollout import table as deploy_table
from ..rollout.deployment import Deployment
from ..rollout.request import Order, Outcome
from ..rollout.results import as_dict
from ..slo import settings as slo_settings
from ..slo.gate import passage
from . import confirmation
from .arguments import Parser, confirmable, shared
from .output import Output
from .releases import live_of
from .stack_choice import chosen


def add_parsers(verbs: Any) -> None:
    """The command line of these verbs."""
    change = Parser(add_help=False, parents=[shared(), confirmable()])
    change.add_argument("--wait", type=float, default=0, metavar="SECONDS", help="wait so long for somebody else's deployment")
    change.add_argument("--dry-run", action="store_true", help="say what would be done")

    deploy = verbs.add_parser("deploy", parents=[change])
    deploy.add_argument("--image", action="append", default=[], metavar="SERVICE=REFERENCE", help="for example api=registry/api:1.4.2")
    deploy.add_argument(
        "--model",
        action="append",
        default=[],
        metavar="NAME[=VERSION]",
        help="another version of a registered model: its number, @alias, or what its alias is now",
    )
    deploy.add_argument(
        "--recreate", action="append", default=[], metavar="SERVICE", help="replace its containers although nothing differs"
    )
    deploy.add_argument("--no-backup", action="store_true", help="without the backup that the declaration wants before a deployment")
    deploy.add_argument("--force", action="store_true", help="also a release that failed before")
    deploy.add_argument(
        "--security-fix", default="", metavar="CVE", help="what it mends, such as CVE-2026-1234: no error budget holds it up"
    )
    deploy.add_argument("--budget-override", default="", metavar="REASON", help="why it goes out although an error budget is nearly spent")

    rollback = verbs.add_parser("rollback", parents=[change])
    rollback.add_argument("--to", metavar="RELEASE", help="to this one; the beginning of its id is enough (`opsctl releases`)")

    scale = verbs.add_parser("scale", parents=[change])
    scale.add_argument("services", nargs="+", metavar="SERVICE=COUNT")


def run_verb(options: argparse.Namespace, output: Output) -> int:
    """Carry out one of these verbs.

    :raises DeployFailed: and the other errors of a deployment, with their sentence.
    """
    stack = chosen(options.stack, options.argv)
    confirmation.require(options, stack)
    signal.signal(signal.SIGTERM, _interrupt)
    order = Order(
        kind=options.verb,
        wait=options.wait,
        check=options.dry_run,
        tell=output.line,
        force=getattr(options, "force", False),
        recreate=tuple(getattr(options, "recreate", ())),
        slo=slo_settings.load(stack) if options.verb == "deploy" else None,
        passage=passage(options.budget_override, options.security_fix) if options.verb == "deploy" else None,
        backup_max_age=_backup_max_age(stack) if options.verb == "deploy" and not options.no_backup else 0,
    )
    outcome = _carry_out(Deployment(stack, order), options, stack)
    if options.dry_run:
        plan = "\n".join([f"release {outcome.release}", *outcome.sentences]) if outcome.sentences else "nothing to do"
        output.result(as_dict(outcome), plan)
    else:
        output.result(as_dict(outcome), folded(deploy_table.table(outcome)))
    return 1 if outcome.failed_tasks else 0


def _backup_max_age(stack: str) -> float:
    """How old the last backup may be when a deployment begins, in seconds; 0 where nobody says."""
    return backup_settings.load(stack).update_max_age if stack in backup_settings.stacks() else 0


def _carry_out(deployment: Deployment, options: argparse.Namespace, stack: str) -> Outcome:
    if options.verb == "rollback":
        return deployment.rollback(options.to)
    live = live_of(stack)
    if options.verb == "scale":
        counts = {name: _count(name, value) for name, value in map(_pair, options.services)}
        return deployment.deploy(with_replicas(live, counts))
    images = dict(map(_pair, options.image))
    declared = with_images(live, images) if images else redeclared(live, "missing")
    return deployment.deploy(with_versions(declared, dict(part.partition("=")[::2] for part in options.model)))


def _interrupt(_number: int, _frame: object) -> None:
    """SIGTERM ends as Ctrl-C does: what was begun is taken back."""
    raise KeyboardInterrupt


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not (name and sign and value):
        raise ValueError(f"{text!r}: write SERVICE=VALUE, such as api=registry/api:1.4.2 or api=3")
    return name, value


def _count(service: str, value: str) -> int:
    if not value.isdigit():
        raise ValueError(f"scale: {service}={value}: write a number from 1 on")
    return int(value)
