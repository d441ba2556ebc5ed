# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verb of opsctl for the upstreams of nginx: show them, make them true once, or keep them true."""

from __future__ import annotations

import argparse
from typing import Any

from ..containers.client import Engine
from ..core.atomic_files import read_text
from ..nginx import sync
from . import stack_choice
from .arguments import shared
from .output import Output


def add_parsers(verbs: Any) -> None:
    """The command line of the verb."""
    everywhere = shared(stack="only of this stack; all when none is named or stood in")
    ways = verbs.add_parser("upstreams").add_subparsers(dest="way", required=True)
    ways.add_parser("show", parents=[everywhere], help="print what nginx has now")
    ways.add_parser("sync", parents=[shared(stack="")], help="make them true once")
    ways.add_parser("follow", help="keep them true by Docker's events (run by systemd)")


def run_verb(options: argparse.Namespace, output: Output) -> int:
    """Carry out the verb."""
    if options.way == "show":
        return _show(options, output)
    if options.way == "sync":
        outcome = sync.sync(Engine())
        written = "\n".join(f"{path} written" for path in outcome.paths) or "nothing to change"
        output.result({"changed": bool(outcome.paths), "written": outcome.paths}, written)
    else:
        from ..watchdog import gate  # the whole of the watchdog's probes: neither of the other ways needs it

        gate.main()
    return 0


def _show(options: argparse.Namespace, output: Output) -> int:
    """Print the files that nginx includes."""
    names = stack_choice.selected(options.stack)
    shown = []
    for upstream in sync.load():
        if upstream.project and upstream.project not in names and (options.stack or stack_choice.standing_in(stack_choice.directories())):
            continue
        path = sync.path_of(upstream)
        shown.append({"name": upstream.name, "path": str(path), "content": read_text(path)})
    lines = [f"# {file['path']} is not written yet" if file["content"] is None else file["content"] for file in shown]
    output.result({"upstreams": shown}, "\n".join(map(str, lines)) if lines else None)
    return 0
