# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verbs of opsctl that belong to the watchdog."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from typing import Any

from ..core.atomic_files import read_text
from ..core.format import folded

VERBS = ("watchdog", "alert", "incidents", "maintenance")


def add_parsers(verbs: Any) -> None:
    """The command line of these verbs."""
    ways = verbs.add_parser("watchdog", help="the daemon that watches and heals").add_subparsers(dest="way", required=True)
    ways.add_parser("steward", help="carry out what the daemon may not do itself (run by systemd, as root)")
    ways.add_parser("check", help="read the settings, and say what is wrong with them")

    ways = verbs.add_parser("alert", help="messages to people").add_subparsers(dest="way", required=True)
    test = ways.add_parser("test", help="send a test message through each route, and say how it went")
    test.add_argument("--stack", help="only the routes of this stack")
    ways.add_parser("deliver", help="send what waits in the spool (run by the watchdog)")

    verbs.add_parser("incidents", help="what is wrong now, what was wrong, and what was done about it")

    ways = verbs.add_parser("maintenance", help="work here without alarms and healing").add_subparsers(dest="way", required=True)
    scope = argparse.ArgumentParser(add_help=False)
    scope.add_argument("--scope", default="host", metavar="STACK[/SERVICE]", help="what is worked on; everything when not given")
    on = ways.add_parser("on", parents=[scope], help="begin, or give it another end")
    on.add_argument("--reason", required=True, help="shown on the status page")
    on.add_argument("--for", dest="duration", required=True, metavar="TIME", help="for example 30m, 2h or 1d")
    ways.add_parser("off", parents=[scope], help="end")
    ways.add_parser("list", help="what is under way")


def run_verb(options: argparse.Namespace, say: Callable[[str], None]) -> int:
    """Carry out one of these verbs."""
    if options.verb == "incidents":
        from ..watchdog.live_table import incidents_table

        say(folded(incidents_table(status())))
        return 0
    if options.verb == "maintenance":
        return _maintenance(options, say)
    if options.verb == "alert":
        return _alert(options, say)
    from ..watchdog import settings

    configuration = settings.load()
    if options.way == "check":
        say(
            "\n".join(
                f"{spec.name}: {len(spec.services)} services, {len(spec.sites)} sites, {len(spec.alerts)} routes"
                for spec in configuration.stacks
            )
        )
        return 0
    from ..watchdog import privileged_helper

    return 1 if privileged_helper.serve(configuration, say) else 0


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


def live() -> str:
    """The watchdog's part of `opsctl status`; empty where none is installed, a warning where it is silent."""
    from ..watchdog.live_table import table
    from ..watchdog.settings import FOLDER

    if not FOLDER.is_dir():
        return ""
    try:
        published = status()
    except ValueError as error:
        return f"!! {error}"
    age = time.time() - float(published["at"])
    stale = f"!! the watchdog has been silent for {age:.0f} s: systemctl status latentum-ops-watchdog\n" if age > 60 else ""
    shown: str = table(published)
    return stale + shown


def _maintenance(options: argparse.Namespace, say: Callable[[str], None]) -> int:
    from ..maintenance import windows as maintenance_windows

    if options.way == "list":
        windows = maintenance_windows.load()
        say("\n".join(f"{window.describe()}, until {_clock(window.until)}" for window in windows) or "nothing is under way")
        return 0
    if options.way == "on":
        changed, windows = maintenance_windows.present(options.scope, options.reason, options.duration)
        window = next(window for window in windows if window.scope == options.scope)
        how = "no alarms and no healing" if changed else "it was under way already"
        say(f"{window.describe()}, until {_clock(window.until)}: {how}")
        return 0
    changed, _left = maintenance_windows.absent(options.scope)
    say(f"maintenance of {options.scope} has ended" if changed else f"no maintenance of {options.scope} was under way")
    return 0


def _clock(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(at))


def _alert(options: argparse.Namespace, say: Callable[[str], None]) -> int:
    from ..watchdog.alerting import delivery

    if options.way == "deliver":
        return delivery.main(say)
    return delivery.test(options.stack or "", say)
