# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verbs of opsctl that belong to the watchdog."""

from __future__ import annotations

import argparse
import json
import os
import pwd
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ..core import paths
from ..core.atomic_files import read_text
from ..core.format import folded
from . import stack_choice
from .arguments import Parser, shared
from .output import Output

SILENT = 60  # seconds after which what the watchdog published says little about now


def add_parsers(verbs: Any) -> None:
    """The command line of these verbs."""
    plain = shared(stack="")
    ways = verbs.add_parser("watchdog").add_subparsers(dest="way", required=True)
    ways.add_parser("steward", help="carry out what the daemon may not do itself (run by systemd, as root)")
    ways.add_parser("check", parents=[plain], help="read the settings, and say what is wrong with them")

    ways = verbs.add_parser("alert").add_subparsers(dest="way", required=True)
    ways.add_parser(
        "test", parents=[shared(stack="only the routes of this stack")], help="send a test message through each route, and say how it went"
    )
    ways.add_parser("deliver", help="send what waits in the spool (run by the watchdog)")

    verbs.add_parser("incidents", parents=[shared(stack="only of this stack, and of the host; all when none is named or stood in")])

    ways = verbs.add_parser("maintenance").add_subparsers(dest="way", required=True)
    scope = Parser(add_help=False, parents=[shared(stack="the same as --scope NAME")])
    scope.add_argument("--scope", metavar="STACK[/SERVICE]", help="what is worked on; everything when neither is given")
    on = ways.add_parser("on", parents=[scope], help="begin, or give it another end")
    on.add_argument("--reason", required=True, help="shown on the status page")
    on.add_argument("--for", dest="duration", required=True, metavar="TIME", help="for example 30m, 2h or 1d")
    ways.add_parser("off", parents=[scope], help="end")
    ways.add_parser("list", parents=[plain], help="what is under way")


def run_verb(options: argparse.Namespace, output: Output) -> int:
    """Carry out one of these verbs."""
    if options.verb == "incidents":
        return _incidents(options, output)
    if options.verb == "maintenance":
        return _maintenance(options, output)
    if options.verb == "alert":
        return _alert(options, output)
    from ..monitoring import silences
    from ..watchdog import settings

    configuration = settings.load()
    if options.way == "check":
        if configuration.host.alertmanager:
            silences.require_address(configuration.host.alertmanager)
        counts = [
            {"stack": spec.name, "services": len(spec.services), "sites": len(spec.sites), "routes": len(spec.alerts)}
            for spec in configuration.stacks
        ]
        lines = [f"{spec['stack']}: {spec['services']} services, {spec['sites']} sites, {spec['routes']} routes" for spec in counts]
        output.result({"stacks": counts}, "\n".join(lines))
        return 0
    from ..watchdog import privileged_helper

    return 1 if privileged_helper.serve(configuration, output.line) else 0


def _incidents(options: argparse.Namespace, output: Output) -> int:
    from ..watchdog.live_table import incidents_table

    published = status()
    known = stack_choice.directories()
    if options.stack or stack_choice.standing_in(known):
        published = of_stacks(published, stack_choice.selected(options.stack, known))
    shown = {name: published.get(name, []) for name in ("at", "incidents", "history")}
    output.result(shown, folded(incidents_table(published)))
    return 0


def of_stacks(published: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """What the watchdog published, without what belongs to other stacks; what belongs to the host stays."""
    kept = {"", *names}
    own = {name: [entry for entry in published.get(name, []) if entry.get("stack", "") in kept] for name in ("incidents", "history")}
    return {**published, **own, "stacks": [stack for stack in published.get("stacks", []) if stack["name"] in kept]}


def status() -> dict[str, Any]:
    """What the watchdog published last.

    :raises ValueError: it has not published anything since the boot.
    """
    from ..watchdog.privileged_requests import STATUS

    text = read_text(STATUS)
    if text is None:
        raise ValueError("the watchdog has published nothing: look at `systemctl status latentum-ops-watchdog`")
    published: dict[str, Any] = json.loads(text)
    return published


def live(stack: str = "") -> str:
    """The watchdog's part of `opsctl status`; empty where none is installed, a warning where it is silent.

    :param stack: only of this stack, and of the host.
    """
    from ..watchdog.live_table import table
    from ..watchdog.settings import FOLDER

    if not FOLDER.is_dir():
        return ""
    try:
        published = status()
    except ValueError as error:
        return f"!! {error}"
    shown: str = table(of_stacks(published, [stack]) if stack else published)
    return silence(published) + shown


def published() -> dict[str, Any] | None:
    """What the watchdog published last; None where it has not, or there is none."""
    try:
        return status()
    except ValueError:
        return None


def silence(published: Mapping[str, Any]) -> str:
    """A line where it has said nothing for long; else nothing."""
    age = time.time() - float(published["at"])
    return f"!! the watchdog has been silent for {age:.0f} s: systemctl status latentum-ops-watchdog\n" if age > SILENT else ""


def _maintenance(options: argparse.Namespace, output: Output) -> int:
    from ..maintenance import windows as maintenance_windows

    if options.way == "list":
        _show_windows({}, maintenance_windows.load(), None, output)
        return 0
    scope = options.scope or (stack_choice.existing(options.stack, stack_choice.directories()) if options.stack else "host")
    if options.scope and options.stack and options.scope.partition("/")[0] != options.stack:
        raise ValueError(f"maintenance: --scope {options.scope} is not of --stack {options.stack}: write one of them")
    if options.way == "on":
        changed, windows = maintenance_windows.present(scope, options.reason, options.duration)
        window = next(window for window in windows if window.scope == scope)
        how = "no alarms and no healing" if changed else "it was under way already"
        sentence = f"{window.describe()}, until {_clock(window.until)}: {how}"
    else:
        changed, windows = maintenance_windows.absent(scope)
        sentence = f"maintenance of {scope} has ended" if changed else f"no maintenance of {scope} was under way"
    _show_windows({"changed": changed, "scope": scope}, windows, sentence, output)
    return 0


def _show_windows(more: Mapping[str, Any], windows: Sequence[Any], sentence: str | None, output: Output) -> None:
    listed = "\n".join(f"{window.describe()}, until {_clock(window.until)}" for window in windows) or "nothing is under way"
    output.result({**more, "windows": [asdict(window) for window in windows]}, listed if sentence is None else sentence)


def _clock(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(at))


def _become_watchdog() -> None:
    """Messages are the watchdog's: root does not work in its folders, where it could have left links."""
    try:
        user = pwd.getpwnam(paths.WATCHDOG)
    except KeyError:
        return
    if os.geteuid() == 0:
        os.setgroups([user.pw_gid])
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)


def _alert(options: argparse.Namespace, output: Output) -> int:
    from ..watchdog.alerting import delivery

    _become_watchdog()
    if options.way == "deliver":
        return delivery.main(output.line)
    stack = stack_choice.selected(options.stack)[0] if options.stack else ""
    lines: list[str] = []

    def tell(sentence: str) -> None:
        lines.append(sentence)
        if not output.as_json:
            output.line(sentence)

    return delivery.test(stack, tell, ended=lambda status: output.result({"stack": stack, "accepted": status == 0, "lines": lines}, None))
