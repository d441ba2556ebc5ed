# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""opsctl: the engine of latentum.ops for an operator on the host, a timer, or a webhook."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from ..backup.restic_errors import TargetError
from ..backup.settings import BackupError
from ..containers.client import DockerUnavailable, Engine
from ..contracts.health import expectations_from
from ..core.format import folded
from ..core.locks import LockHeld
from ..core.process import CommandError
from ..core.version import OWN, installed
from ..health.assessment import look
from ..health.report import details, text
from ..hostconfig.transaction import ConfigSetError
from ..nginx import sync as upstreams
from ..release.stacks import stacks
from ..release.store import ReleaseError
from ..rollout import follower
from ..rollout.request import DeployFailed
from ..status import collect as host_status
from ..status import table as status_table
from . import backup as backup_verbs
from . import deploy as deploy_verbs
from . import watchdog as watchdog_verbs


def say(text: str) -> None:
    """A line for the operator."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="opsctl", description=__doc__)
    verbs = top.add_subparsers(dest="verb", required=True)
    status = verbs.add_parser("status", help="what runs here, and what needs attention")
    status.add_argument("--json", action="store_true", help="as JSON")
    status.add_argument("--wide", action="store_true", help="with digests and all in full, however wide")
    verbs.add_parser("version", help="version and digest of the engine on this host")
    verbs.add_parser("health", help="judge every declared service; exit status 1 when one is not as expected")
    ways = verbs.add_parser("upstreams", help="the upstreams of nginx").add_subparsers(dest="way", required=True)
    ways.add_parser("show", help="print what nginx has now")
    ways.add_parser("sync", help="make them true once")
    ways.add_parser("follow", help="keep them true by Docker's events (run by systemd)")
    deploy_verbs.add_parsers(verbs)
    watchdog_verbs.add_parsers(verbs)
    backup_verbs.add_parsers(verbs)
    return top


def health() -> int:
    """Judge every stack of this host."""
    engine = Engine()
    bad = False
    for stack in stacks():
        verdicts = look(engine, stack["name"], expectations_from(stack["services"]))
        described = details(engine, verdicts)
        bad = bad or any(service["state"] != "ok" for service in described)
        say(f"{stack['name']}: " + ", ".join(f"{service['service']} {service['state']}" for service in described))
        if report := text(described):
            say(report)
    return 1 if bad else 0


def show_upstreams() -> int:
    """Print the files that nginx includes."""
    for upstream in upstreams.load():
        path = upstreams.path_of(upstream)
        say(Path(path).read_text() if path.exists() else f"# {path} is not written yet")
    return 0


def status(*, as_json: bool, wide: bool) -> int:
    """Print the state of the host."""
    collected: dict[str, Any] = host_status.collect()
    if as_json:
        say(json.dumps(collected, indent=2))
        return 0
    say(status_table.table(collected, wide=wide))
    if watched := watchdog_verbs.live():
        say(f"\n{watched if wide else folded(watched)}")
    return 0


def run_upstreams(way: str) -> int:
    """The verb `upstreams`: show them, make them true once, or keep them true."""
    if way == "show":
        return show_upstreams()
    if way == "sync":
        outcome = upstreams.sync(Engine())
        say("\n".join(f"{path} written" for path in outcome.paths) or "nothing to change")
    else:
        follower.follow()
    return 0


def run_verb(options: argparse.Namespace) -> int:
    """The verb that the command line names; its exit status."""
    if options.verb in deploy_verbs.VERBS:
        return deploy_verbs.run_verb(options, say)
    if options.verb in watchdog_verbs.VERBS:
        return watchdog_verbs.run_verb(options, say)
    if options.verb in backup_verbs.VERBS:
        return backup_verbs.run_verb(options, say)
    if options.verb == "status":
        return status(as_json=options.json, wide=options.wide)
    if options.verb == "version":
        say(str(installed() or OWN))
        return 0
    return health() if options.verb == "health" else run_upstreams(options.way)


def main() -> int:
    """One verb; errors are one sentence and exit status 2."""
    options = parser().parse_args()
    try:
        return run_verb(options)
    except (BackupError, DeployFailed, LockHeld, ReleaseError, TargetError) as error:
        sys.stderr.write(f"opsctl: {error}\n")
        return 1
    except (DockerUnavailable, ConfigSetError, CommandError, OSError, ValueError) as error:
        sys.stderr.write(f"opsctl: {error}\n")
        return 2
    except KeyboardInterrupt:
        return 130
