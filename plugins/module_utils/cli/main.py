# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""opsctl: the engine of latentum.ops for an operator on the host, a timer, or a webhook."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from typing import Any

from ..access.operators import Level, Operator
from ..backup.restic_errors import TargetError
from ..backup.settings import BackupError
from ..containers.api import EngineError
from ..containers.client import DockerUnavailable, Engine
from ..contracts.health import expectations_from
from ..core.atomic_files import read_text
from ..core.format import folded
from ..core.locks import LockHeld
from ..core.masking import clean, mask
from ..core.process import CommandError
from ..core.version import OWN, installed
from ..firewall.rules import FirewallError
from ..health.assessment import look
from ..health.report import details, text
from ..hostconfig.transaction import ConfigSetError
from ..jobs.settings import JobError
from ..maintenance.protection import NotConfirmed
from ..nginx import sync as upstreams
from ..release.stacks import stacks
from ..release.store import ReleaseError
from ..rollout.request import DeployFailed
from ..rotation.refusal import RotationFailed, RotationRefused
from ..status import collect as host_status
from ..status import overview
from ..status import table as status_table
from . import access as access_verbs
from . import audit, completion, gate, stack_choice
from . import backup as backup_verbs
from . import capacity as capacity_verbs
from . import confinement as confinement_verbs
from . import containers as container_verbs
from . import deploy as deploy_verbs
from . import emergency as emergency_verbs
from . import jobs as job_verbs
from . import log_archive as log_verbs
from . import objectives as objective_verbs
from . import removal as removal_verbs
from . import rotation as rotation_verbs
from . import tunnel as tunnel_verbs
from . import watchdog as watchdog_verbs
from .arguments import Parser, shared
from .output import Output, OutputClosed, leave, say, terminal_width

FORBIDDEN = 4  # exit status

GROUPS = (
    deploy_verbs,
    watchdog_verbs,
    backup_verbs,
    container_verbs,
    log_verbs,
    job_verbs,
    removal_verbs,
    emergency_verbs,
    objective_verbs,
    capacity_verbs,
    tunnel_verbs,
    access_verbs,
    confinement_verbs,
    rotation_verbs,
)


def parser() -> Parser:
    """The command line."""
    top = Parser(prog="opsctl", description=__doc__)
    verbs = top.add_subparsers(dest="verb", required=True)
    everywhere = shared(stack="only of this stack; all when none is named or stood in")
    status = verbs.add_parser("status", parents=[everywhere], help="what runs here, and what needs attention")
    status.add_argument("--wide", action="store_true", help="with digests and all in full, however wide")
    status.add_argument("--all", action="store_true", help="a line for each stack, also in the folder of one")
    verbs.add_parser("version", parents=[shared(stack="")], help="version and digest of the engine on this host")
    verbs.add_parser("health", parents=[everywhere], help="judge every declared service; exit status 1 when one is not as expected")
    ways = verbs.add_parser("upstreams", help="the upstreams of nginx").add_subparsers(dest="way", required=True)
    ways.add_parser("show", parents=[everywhere], help="print what nginx has now")
    ways.add_parser("sync", parents=[shared(stack="")], help="make them true once")
    ways.add_parser("follow", help="keep them true by Docker's events (run by systemd)")
    for group in GROUPS:
        group.add_parsers(verbs)
    completion.add_parsers(verbs, top)
    return top


def health(options: argparse.Namespace, output: Output) -> int:
    """Judge the services of stacks."""
    engine, names = Engine(), stack_choice.selected(options.stack)
    judged: list[dict[str, Any]] = []
    lines: list[str] = []
    for stack in stacks():
        if stack["name"] not in names:
            continue
        described = details(engine, look(engine, stack["name"], expectations_from(stack["services"])))
        judged.append({"stack": stack["name"], "ok": all(service["state"] == "ok" for service in described), "services": described})
        lines.append(f"{stack['name']}: " + ", ".join(f"{service['service']} {service['state']}" for service in described))
        if report := text(described):
            lines.append(report)
    well = all(stack["ok"] for stack in judged)
    output.result({"ok": well, "stacks": judged}, "\n".join(lines) if lines else None)
    return 0 if well else 1


def show_upstreams(options: argparse.Namespace, output: Output) -> int:
    """Print the files that nginx includes."""
    names = stack_choice.selected(options.stack)
    shown = []
    for upstream in upstreams.load():
        if upstream.project and upstream.project not in names and (options.stack or stack_choice.standing_in(stack_choice.directories())):
            continue
        path = upstreams.path_of(upstream)
        shown.append({"name": upstream.name, "path": str(path), "content": read_text(path)})
    lines = [f"# {file['path']} is not written yet" if file["content"] is None else file["content"] for file in shown]
    output.result({"upstreams": shown}, "\n".join(map(str, lines)) if lines else None)
    return 0


def status(options: argparse.Namespace, output: Output) -> int:
    """Print the state of the host: of one stack in detail, of several a line for each."""
    known = stack_choice.directories()
    stack = "" if options.all else stack_choice.existing(options.stack, known) if options.stack else stack_choice.standing_in(known)
    collected: dict[str, Any] = host_status.collect()
    if stack:
        collected = overview.of_stack(collected, stack)
    published = watchdog_verbs.published()
    summed = overview.summaries(collected, published)
    if output.as_json:
        output.result({**collected, "overview": summed}, None)
    elif len(summed) > 1 and not options.wide:
        silent = watchdog_verbs.silence(published) if published else ""
        say(f"{silent}{overview.table(collected, summed, terminal_width())}")
    else:
        say(status_table.table(collected, wide=options.wide))
        if watched := watchdog_verbs.live(stack):
            say(f"\n{watched if options.wide else folded(watched)}")
    return 0


def run_upstreams(options: argparse.Namespace, output: Output) -> int:
    """The verb `upstreams`: show them, make them true once, or keep them true."""
    if options.way == "show":
        return show_upstreams(options, output)
    if options.way == "sync":
        outcome = upstreams.sync(Engine())
        written = "\n".join(f"{path} written" for path in outcome.paths) or "nothing to change"
        output.result({"changed": bool(outcome.paths), "written": outcome.paths}, written)
    else:
        from ..watchdog import gate  # the whole of the watchdog's probes: no other verb needs it

        gate.main()
    return 0


def version(_options: argparse.Namespace, output: Output) -> int:
    """The engine on this host."""
    here = installed()
    output.result({"installed": here.to_dict() if here else None, "own": OWN.to_dict()}, str(here or OWN))
    return 0


def run_verb(options: argparse.Namespace, output: Output) -> int:
    """The verb that the command line names; its exit status."""
    for group in GROUPS:
        if options.verb in group.VERBS:
            code: int = group.run_verb(options, output)
            return code
    own: dict[str, Callable[[argparse.Namespace, Output], int]] = {
        "status": status,
        "version": version,
        "health": health,
        "upstreams": run_upstreams,
        "completion": completion.run_verb,
    }
    return own[options.verb](options, output)


def failed(error: Exception, *, as_json: bool) -> int:
    """Say what cannot be; the exit status."""
    kind, code = next((kind, code) for types, kind, code in KINDS if isinstance(error, types))
    message = clean(error)
    if as_json:
        more: dict[str, Any] = {"expected": error.environment} if isinstance(error, NotConfirmed) else {}
        more |= {"stacks": error.names} if isinstance(error, stack_choice.StackNeeded) else {}
        say(json.dumps({"error": {"kind": kind, "message": message, "status": code, **more}}, indent=2))
    sys.stderr.write(f"opsctl: {message}\n")
    return code


# What the error of a verb is to a program: its class, the word for it, the exit status.
KINDS: tuple[tuple[tuple[type[Exception], ...], str, int], ...] = (
    ((gate.Forbidden,), "forbidden", FORBIDDEN),
    ((NotConfirmed,), "not_confirmed", backup_verbs.NOT_CONFIRMED),
    ((LockHeld,), "locked", 1),
    ((BackupError, DeployFailed, FirewallError, JobError, ReleaseError, RotationFailed, RotationRefused, TargetError), "refused", 1),
    ((DockerUnavailable, EngineError), "docker", 2),
    ((stack_choice.StackNeeded,), "stack_needed", 2),
    ((ConfigSetError, CommandError, OSError, ValueError), "failed", 2),
)
EXPECTED: tuple[type[Exception], ...] = sum((types for types, _word, _code in KINDS), ())


def within_scopes(operator: Operator | None, options: argparse.Namespace, top: Parser, output: Output) -> int:
    """The verb, when its caller may: who called for what, and what came of it, is in the audit log.

    :param operator: whoever has scopes; None for root and for those who may become root by themselves.
    :raises Forbidden: the verb is beyond the scopes.
    """
    verb, leaf = gate.path_of(options, top)
    rule, person = gate.rule_of(verb), operator.name if operator else audit.person()
    arguments = mask(" ".join(gate.shown(gate.given(options, leaf))))
    call = audit.Call(person, verb, gate.stack_of(options), arguments)
    if operator is not None:
        try:
            gate.require(operator, options, top, time.time())
        except Exception as error:
            call.result = f"refused: {clean(error)}"
            call.write(None)
            raise
        call.stack = gate.stack_of(options)
    elif not person and (rule.unit or rule.level is Level.READ):
        return run_verb(options, output)
    with audit.recorded(call, required=operator is not None):
        try:
            code = run_verb(options, output)
        except EXPECTED as error:
            call.result = f"failed: {clean(error)}"
            raise
        except KeyboardInterrupt:
            call.result = "interrupted"
            raise
        except OutputClosed:
            call.result = "its reader left"
            raise
        call.result = f"exit {code}"
    return code


def main(operator: Operator | None = None) -> int:
    """One verb; errors are one sentence and an exit status.

    :param operator: whose scopes are asked (`scoped.py`).
    """
    argv = sys.argv[1:]
    Parser.argv = argv
    top = parser()
    options = top.parse_args(argv, argparse.Namespace(argv=argv))
    as_json = bool(getattr(options, "json", False))
    try:
        return within_scopes(operator, options, top, Output(as_json=as_json))
    except OutputClosed:
        return leave()
    except EXPECTED as error:
        try:
            return failed(error, as_json=as_json)
        except OutputClosed:
            return leave()
    except KeyboardInterrupt:
        return 130
