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

from . import follower, host_status, host_table, opsctl_backup, opsctl_deploy, opsctl_watch, upstreams
from .backup.restic_errors import TargetError
from .backup.settings import BackupError
from .config_set import ConfigSetError
from .deploy_order import DeployFailed
from .docker_client import DockerUnavailable, Engine
from .health import expectation_from, look
from .health_report import details, text
from .lock import LockHeld
from .releases import ReleaseError
from .runner import CommandError


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
    verbs.add_parser("health", help="judge every declared service; exit status 1 when one is not as expected")
    ways = verbs.add_parser("upstreams", help="the upstreams of nginx").add_subparsers(dest="way", required=True)
    ways.add_parser("show", help="print what nginx has now")
    ways.add_parser("sync", help="make them true once")
    ways.add_parser("follow", help="keep them true by Docker's events (run by systemd)")
    opsctl_deploy.add_parsers(verbs)
    opsctl_watch.add_parsers(verbs)
    opsctl_backup.add_parsers(verbs)
    return top


def health() -> int:
    """Judge every stack of this host."""
    engine = Engine()
    bad = False
    for stack in host_status.stacks():
        verdicts = look(engine, stack["name"], [expectation_from(raw) for raw in stack["services"]])
        described = details(engine, verdicts)
        bad = bad or any(one["state"] != "ok" for one in described)
        say(f"{stack['name']}: " + ", ".join(f"{one['service']} {one['state']}" for one in described))
        if report := text(described):
            say(report)
    return 1 if bad else 0


def show_upstreams() -> int:
    """Print the files that nginx includes."""
    for one in upstreams.load():
        say(Path(one.path).read_text() if one.path.exists() else f"# {one.path} is not written yet")
    return 0


def status(as_json: bool) -> int:
    """Print the state of the host."""
    collected: dict[str, Any] = host_status.collect()
    if as_json:
        say(json.dumps(collected, indent=2))
        return 0
    say(host_table.table(collected))
    if watched := opsctl_watch.live():
        say(f"\n{watched}")
    return 0


def main() -> int:
    """One verb; errors are one sentence and exit status 2."""
    options = parser().parse_args()
    try:
        if options.verb == "status":
            return status(options.json)
        if options.verb == "health":
            return health()
        if options.verb in opsctl_deploy.VERBS:
            return opsctl_deploy.run_verb(options, say)
        if options.verb in opsctl_watch.VERBS:
            return opsctl_watch.run_verb(options, say)
        if options.verb in opsctl_backup.VERBS:
            return opsctl_backup.run_verb(options, say)
        if options.way == "show":
            return show_upstreams()
        if options.way == "sync":
            outcome = upstreams.sync(Engine(), upstreams.load())
            say("\n".join(f"{path} written" for path in outcome.paths) or "nothing to change")
            return 0
        follower.follow()
    except (BackupError, DeployFailed, LockHeld, ReleaseError, TargetError) as error:
        sys.stderr.write(f"opsctl: {error}\n")
        return 1
    except (DockerUnavailable, ConfigSetError, CommandError, OSError, ValueError) as error:
        sys.stderr.write(f"opsctl: {error}\n")
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
