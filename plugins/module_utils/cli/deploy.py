# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verbs of opsctl that change or show releases."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Callable
from typing import Any

from ..core.format import folded
from ..release import listing
from ..release.journal import Journal
from ..release.pinning import redeclared, with_images, with_replicas
from ..release.stacks import stacks
from ..release.store import Release, ReleaseError, Store
from ..rollout import table as deploy_table
from ..rollout.deployment import Deployment
from ..rollout.request import Order, Outcome
from ..rollout.results import as_dict

VERBS = ("deploy", "rollback", "scale", "releases", "history")


def add_parsers(verbs: Any) -> None:
    """The command line of these verbs."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--stack", help="which stack; not needed when there is one")
    change = argparse.ArgumentParser(add_help=False, parents=[common])
    change.add_argument("--wait", type=float, default=0, metavar="SECONDS", help="wait so long for somebody else's deployment")
    change.add_argument("--dry-run", action="store_true", help="say what would be done")
    change.add_argument("--json", action="store_true", help="the result as JSON")

    deploy = verbs.add_parser(
        "deploy", parents=[change], help="a new image for services, as a rolling update; without one, the live release again"
    )
    deploy.add_argument("--image", action="append", default=[], metavar="SERVICE=REFERENCE", help="for example api=registry/api:1.4.2")
    deploy.add_argument(
        "--recreate", action="append", default=[], metavar="SERVICE", help="replace its containers although nothing differs"
    )
    deploy.add_argument("--force", action="store_true", help="also a release that failed before")

    rollback = verbs.add_parser("rollback", parents=[change], help="back to the last good release, as a rolling update")
    rollback.add_argument("--to", metavar="RELEASE", help="to this one; the beginning of its id is enough (`opsctl releases`)")

    scale = verbs.add_parser("scale", parents=[change], help="other numbers of containers, without losing a request")
    scale.add_argument("services", nargs="+", metavar="SERVICE=COUNT")

    verbs.add_parser("releases", parents=[common], help="what was deployed, what is live, where a rollback goes")
    history = verbs.add_parser("history", parents=[common], help="every step of every deployment")
    history.add_argument("--lines", type=int, default=50)


def run_verb(options: argparse.Namespace, say: Callable[[str], None]) -> int:
    """Carry out one of these verbs.

    :raises DeployFailed: and the other errors of a deployment, with their sentence.
    """
    stack = which(options.stack)
    if options.verb == "releases":
        say(folded(listing.releases(Store(stack))))
        return 0
    if options.verb == "history":
        say(folded(listing.history(Journal(stack).read(options.lines))))
        return 0
    signal.signal(signal.SIGTERM, _interrupt)
    tell = _aside if options.json else say
    order = Order(
        kind=options.verb,
        wait=options.wait,
        check=options.dry_run,
        tell=tell,
        force=getattr(options, "force", False),
        recreate=tuple(getattr(options, "recreate", ())),
    )
    outcome = _carry_out(Deployment(stack, order), options, stack)
    if options.json:
        say(json.dumps(as_dict(outcome), indent=2))
    elif options.dry_run:
        say("\n".join([f"release {outcome.release}", *outcome.sentences]) if outcome.sentences else "nothing to do")
    else:
        say(folded(deploy_table.table(outcome)))
    return 0


def _carry_out(deployment: Deployment, options: argparse.Namespace, stack: str) -> Outcome:
    if options.verb == "rollback":
        return deployment.rollback(options.to)
    live = _live(stack)
    if options.verb == "scale":
        counts = {name: _count(name, value) for name, value in map(_pair, options.services)}
        return deployment.deploy(with_replicas(live, counts))
    images = dict(map(_pair, options.image))
    return deployment.deploy(with_images(live, images) if images else redeclared(live, "missing"))


def _aside(line: str) -> None:
    """Progress beside a result that a program reads."""
    sys.stderr.write(f"{line}\n")


def _interrupt(_number: int, _frame: object) -> None:
    """SIGTERM ends as Ctrl-C does: what was begun is taken back."""
    raise KeyboardInterrupt


def _live(stack: str) -> Release:
    live = Store(stack).live()
    if live is None:
        raise ReleaseError(f"{stack} has no live release yet: run playbooks/site.yml first")
    return live


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not (name and sign and value):
        raise ValueError(f"{text!r}: write SERVICE=VALUE, such as api=registry/api:1.4.2 or api=3")
    return name, value


def _count(service: str, value: str) -> int:
    if not value.isdigit():
        raise ValueError(f"scale: {service}={value}: write a number from 1 on")
    return int(value)


def which(stack: str | None) -> str:
    """The stack that is meant.

    :raises ValueError: there is none, or more than one and none was named.
    """
    known = [str(stack["name"]) for stack in stacks()]
    if stack in known or (stack is None and len(known) == 1):
        return stack or known[0]
    raise ValueError(f"--stack: write one of {', '.join(known)}" if known else "no stack is described on this host: run playbooks/site.yml")
