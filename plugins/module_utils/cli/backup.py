# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verbs of opsctl that make backups, prove them, and bring them back."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..containers.client import Engine
from ..core.format import duration, folded
from ..core.progress import Progress
from ..core.units import parse_duration
from . import confirmation, stack_choice
from .arguments import Parser, confirmable, shared
from .errors import NOT_CONFIRMED
from .output import Output

IN_PLACE = ("database", "cache", "volume", "everything")  # ways of a restore that replace what is there
NOT_PROVEN = 1  # exit status


def add_parsers(verbs: Any) -> None:
    """The command line of these verbs."""
    of = shared()
    ways = verbs.add_parser("backup").add_subparsers(dest="way", required=True)
    run = ways.add_parser("run", parents=[of, confirmable()], help="a backup to every target, now, and its proof")
    run.add_argument("--plan", default="", help="only this plan; those that together take everything when not given")
    run.add_argument("--no-verify", action="store_true", help="without the proof")
    run.add_argument("--if-older", default="", metavar="TIME", help="only where the last backup that was restored is older, such as 24h")
    run.add_argument("--new-repository", default="", metavar="TARGET", help="where the repository of this target is gone, make a new one")
    run.add_argument("--scheduled", action="store_true", help="with the proof only when the declaration wants one today (run by systemd)")
    shown = ways.add_parser("list", parents=[of], help="what can be restored")
    shown.add_argument("--target", default="", help="only of this target")
    shown.add_argument("--plan", default="", help="only of this plan")
    verify = ways.add_parser("verify", parents=[of], help="bring a backup back beside the production, and question it")
    verify.add_argument("--target", default="", help="of which target; the one that was verified longest ago when not given")
    verify.add_argument("--snapshot", default="", help="which snapshot; the newest when not given")
    verify.add_argument("--plan", default="", help="only the newest of this plan; of each that is needed for everything when not given")
    ways.add_parser("push", parents=[of], help="bring what targets lack: WAL, and backups that they missed (run by systemd)")
    keys = ways.add_parser("escrow", parents=[of], help="the keys, for those who rebuild this host: encrypt them anew when they changed")
    keys.add_argument("--open", action="store_true", help="print them in the clear (run by the role, for a vault)")
    keys.add_argument("--plant", action="store_true", help="put back those of a decrypted bundle, read from standard input")
    ways.add_parser("check", parents=[of], help="read the settings, and say what is wrong with them (run by the role)")
    connect = ways.add_parser("connect", help="let a database in, and tell Barman where it is now (run by systemd)")
    connect.add_argument("server", metavar="STACK.SERVICE")

    ways = verbs.add_parser("restore").add_subparsers(dest="way", required=True)
    source = Parser(add_help=False, parents=[of])
    source.add_argument("--from", dest="source", default="", metavar="TARGET", help="from this target; `local` for what is on this host")
    source.add_argument("--snapshot", default="", help="which snapshot of the target; the newest that fits when not given")
    source.add_argument("--plan", default="", help="only from backups of this plan; the newest that has each part when not given")
    place = Parser(add_help=False, parents=[source, confirmable()])
    place.add_argument("--yes", action="store_true", help="do what is said, and replace what is there")
    for name, what in (("database", "a PostgreSQL server, to any second"), ("cache", "a Redis"), ("volume", "a volume")):
        parser = ways.add_parser(name, parents=[place], help=what)
        parser.add_argument("name")
        if name == "database":
            parser.add_argument("--to", default="", metavar="TIME", help="to this moment, such as '2026-11-20 14:03:07+00'")
    every = ways.add_parser("everything", parents=[place], help="all databases, caches and volumes")
    every.add_argument("--to", default="", metavar="TIME", help="databases to this moment")
    files = ways.add_parser("files", parents=[source], help="files of the host, into a folder")
    files.add_argument("paths", nargs="+", metavar="PATH")
    files.add_argument("--into", default="", metavar="FOLDER", help="an empty folder")
    dump = ways.add_parser("dump", parents=[source], help="the dump of a database, or a table of it, into a new database")
    dump.add_argument("name")
    dump.add_argument("--table", default="", metavar="[SCHEMA.]TABLE")
    dump.add_argument("--into", default="", metavar="DATABASE")
    ways.add_parser("identity", parents=[source, confirmable()], help="secrets and certificates, onto a bare host before site.yml")
    ways.add_parser("resume", parents=[of], help="bring an interrupted restore to a safe end")
    ways.add_parser("undo", parents=[of, confirmable()], help="put back what a restore replaced")
    ways.add_parser("confirm", parents=[of, confirmable()], help="remove what a restore replaced")


def run_verb(options: argparse.Namespace, output: Output) -> int:
    """Carry out one of these verbs."""
    from ..backup import settings

    if options.way == "connect":
        return _connect(options.server, output.line)
    _instance(options)
    configuration = settings.load(_stack(options))
    if getattr(options, "plan", "") and options.way != "list":
        configuration.of(options.plan)  # it is one; a list shows those of former plans as well
    confirmation.require(options, configuration.stack)
    return _backup(options, configuration, output) if options.verb == "backup" else _restore(options, configuration, output)


def _instance(options: argparse.Namespace) -> None:
    """A timer of a plan has one name for both, STACK.PLAN, as an instance of the unit of all backups."""
    if getattr(options, "scheduled", False):
        options.stack, _dot, plan = (options.stack or "").partition(".")
        options.plan = plan or options.plan


def _stack(options: argparse.Namespace) -> str:
    """The stack that is meant; also one that has backups and does not run on this host yet. Empty where there is none at all."""
    from ..backup import settings

    deployed = stack_choice.directories()
    saved = {name: deployed.get(name, Path(f"/opt/{name}")) for name in settings.stacks()}
    if options.stack:
        return stack_choice.existing(options.stack, {**saved, **deployed}) if saved else str(options.stack)
    return stack_choice.chosen(None, options.argv, saved) if saved else ""


def _progress(stack: str, what: str, say: Callable[[str], None]) -> Progress:
    attempt = os.environ.get("LATENTUM_OPS_ATTEMPT", "")
    return Progress(stack, attempt or what, tell=say, silent=not attempt)


def _backup(options: argparse.Namespace, configuration: Any, output: Output) -> int:
    from ..backup import catalogue, running

    if options.way == "check":
        counts = {name: len(getattr(configuration, name)) for name in ("clusters", "volumes", "targets")}
        plans = {"plans": len(configuration.plans)} if configuration.plans else {}
        output.result(
            {"stack": configuration.stack, **counts, **plans},
            f"{configuration.stack}: {counts['clusters']} database servers, {counts['volumes']} volumes, {counts['targets']} targets"
            + (f", {plans['plans']} plans" if plans else ""),
        )
        return 0
    if options.way == "list":
        listed = catalogue.collect(configuration, options.target, options.plan)
        output.result(listed, folded(catalogue.table(listed)))
        return 0
    if options.way == "escrow":
        return _escrow(options, configuration, output)
    progress = _progress(configuration.stack, "backup", output.line)
    if options.way == "push":
        outcome = running.push_wal(configuration, progress)
        output.result(_run_as_dict(configuration, outcome), None)
        return 1 if outcome.errors else 0
    if configuration.plans:
        return _each_plan(options, configuration, progress, output)
    return _run_and_prove(options, configuration, progress, output)


def _each_plan(options: argparse.Namespace, configuration: Any, progress: Progress, output: Output) -> int:
    """The plan that is named, or those that take everything together, one after another."""
    from ..backup import catalogue, plans, running

    stack, make = configuration.stack, options.way == "run"
    target, snapshot = ("", "") if make else (options.target, options.snapshot)
    if make and options.if_older:
        views = plans.older(configuration, parse_duration(options.if_older), options.plan)
        if not views:
            age = plans.oldest(configuration, options.plan)
            progress.close()
            sentence = f"{stack}: the last backups that were restored are {duration(int(age))} old, or younger: none is made"
            output.result({"stack": stack, "age": round(age)}, sentence)
            return 0
    elif make:
        views = plans.due(configuration, options.plan)
    else:
        views = plans.to_verify(configuration, options.plan, target, snapshot)
    if make and options.new_repository:
        running.begin_anew(configuration, options.new_repository)

    def proves(view: Any) -> bool:
        return not make or not (options.no_verify or (options.scheduled and not catalogue.proof_is_due(view)))

    turns = plans.carry_out(Engine(), views, progress, make=make, proves=proves, target=target, snapshot=snapshot)
    output.result({"stack": stack, "plans": [turn.as_dict() for turn in turns]}, folded("\n".join(map(plans.table, turns))))
    progress.close()
    return NOT_PROVEN if any(turn.errors for turn in turns) else 0


def _run_and_prove(options: argparse.Namespace, configuration: Any, progress: Progress, output: Output) -> int:
    from ..backup import catalogue, running, verification

    data: dict[str, Any] = {"stack": configuration.stack}
    failed = False
    if options.way == "run":
        age = catalogue.restorable_age(configuration)
        if options.if_older and age is not None and age <= parse_duration(options.if_older):
            progress.close()
            sentence = f"{configuration.stack}: the last backup that was restored is {duration(int(age))} old: none is made"
            output.result({"stack": configuration.stack, "age": round(age)}, sentence)
            return 0
        if options.new_repository:
            running.begin_anew(configuration, options.new_repository)
        outcome = running.backup(Engine(), configuration, progress)
        failed, data = bool(outcome.errors), _run_as_dict(configuration, outcome)
        if options.no_verify or (options.scheduled and not catalogue.proof_is_due(configuration)):
            progress.close()
            output.result(data, None)
            return 1 if failed else 0
    named = {"name": options.target, "snapshot": options.snapshot} if options.way == "verify" else {}
    verdict = verification.verify(Engine(), configuration, progress, **named)
    findings = [finding.as_dict() for finding in verdict.findings]
    proof = {name: getattr(verdict, name) for name in ("target", "snapshot", "taken", "seconds", "ok")} | {"checks": findings}
    output.result({**data, "proof": proof}, folded(catalogue.verdict_table(verdict)))
    progress.close()
    return NOT_PROVEN if failed or not verdict.ok else 0


def _run_as_dict(configuration: Any, outcome: Any) -> dict[str, Any]:
    names = ("snapshots", "errors", "bytes", "added", "seconds")
    return {"stack": configuration.stack, **{name: getattr(outcome, name) for name in names}}


def _escrow(options: argparse.Namespace, configuration: Any, output: Output) -> int:
    from ..backup import escrow

    if options.plant:
        planted = escrow.plant(sys.stdin.read())
        output.result({"written": planted}, "\n".join(f"{path} written" for path in planted) or "all there already")
    elif options.open:
        output.secrets(escrow.bundle(configuration))
    else:
        path, sealed = str(escrow.path(configuration.stack)), escrow.seal(configuration)
        output.result({"written": [path] if sealed else []}, f"{path} written" if sealed else "unchanged")
    return 0


def _connect(server: str, say: Callable[[str], None]) -> int:
    """Containers have another address after each start."""
    from ..backup import settings, staging
    from ..backup.postgres import Postgres

    stack, _dot, service = server.partition(".")
    configuration = settings.load(stack)
    staging.connect(Postgres(Engine(), configuration, configuration.cluster(service)), say)
    return 0


def _restore(options: argparse.Namespace, configuration: Any, output: Output) -> int:
    from ..backup import restoring

    progress = _progress(configuration.stack, "restore", output.line)
    about: dict[str, Any] = {"stack": configuration.stack, "way": options.way}
    try:
        done = _replace(options, configuration, progress, about) if options.way in IN_PLACE else _other(options, configuration, progress)
    except restoring.Unconfirmed as error:
        output.result({**about, "confirmed": False, "lines": str(error).splitlines()}, str(error))
        return NOT_CONFIRMED
    finally:
        progress.close()
    output.result({**about, "confirmed": True, "lines": done}, "\n".join(done))
    return 0


def _replace(options: argparse.Namespace, configuration: Any, progress: Progress, about: dict[str, Any]) -> list[str]:
    """A restore in the place of what is there; what was done."""
    from ..backup import origins, restoring

    to = getattr(options, "to", "")
    at = origins.moment(to) if to else None
    request = restoring.Request(options.way, getattr(options, "name", ""), at, options.source, options.snapshot, options.yes, options.plan)
    began = time.monotonic()
    report = restoring.restore(Engine(), configuration, request, progress)
    seconds = time.monotonic() - began
    about |= {"upto": report.upto, "seconds": round(seconds, 1), "checks": [finding.as_dict() for finding in report.findings]}
    asked = [f"{'ok ' if finding.ok else '!! '} {finding.name}: {finding.found}" for finding in report.findings]
    return [*asked, *report.lines, f"{seconds:.1f} s"]


def _other(options: argparse.Namespace, configuration: Any, progress: Progress) -> list[str]:
    """What stands beside what is there, or ends a restore; what was done."""
    from ..backup import identity, restoring, restoring_beside

    if options.way == "confirm":
        return restoring.confirm(configuration)
    if options.way in ("undo", "resume"):
        done: list[str] = getattr(restoring, options.way)(Engine(), configuration, progress)
        return done
    of_plan = [options.plan] if options.plan else []
    if options.way == "identity":
        return identity.bring_back(configuration, options.source, options.snapshot, progress, *of_plan)
    place = (options.source, options.snapshot, options.into, progress, *of_plan)
    if options.way == "files":
        return restoring_beside.files(configuration, tuple(options.paths), *place)
    return restoring_beside.dump(Engine(), configuration, options.name, options.table, *place)
