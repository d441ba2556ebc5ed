# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verb of opsctl that tries which services could do without capabilities, and with a root that cannot be written."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

from ..containers.client import Engine
from ..core.format import columns, folded
from ..release.store import Store
from ..rollout.rehearsal import Rehearsal, Stage, State, left_out, services
from . import stack_choice
from .arguments import shared
from .output import Output

UNKNOWN = 1  # exit status
MEANING = {State.TAKES: "takes it", State.PARTLY: "takes a part", State.REFUSES: "does not", State.UNKNOWN: "not known"}


def add_parsers(verbs: Any) -> None:
    """The command line of this verb."""
    verb = verbs.add_parser("confinement", parents=[shared()])
    verb.add_argument("services", nargs="*", metavar="SERVICE", help="only these; else all of which two may stand beside each other")


def run_verb(options: argparse.Namespace, output: Output) -> int:
    """Try them one after the other, and say what to write.

    :raises ValueError: there is no live release, or no such service.
    """
    stack = stack_choice.chosen(options.stack, sys.argv[1:])
    store = Store(stack)
    release = store.live()
    if release is None:
        raise ValueError(f"{stack} has no live release, whose containers could be tried: deploy one first")
    names = services(release, options.services)
    stage, tried = Stage(Engine(), store, release), []
    for name in names:
        output.line(f"{name}: trying")
        tried.append(stage.rehearse(name))
    skipped = [] if options.services else left_out(release, names)
    output.result(
        {"stack": stack, "release": release.id, "services": [each.to_dict() for each in tried], "left_out": skipped},
        folded("\n".join(table(tried, skipped))),
    )
    return UNKNOWN if any(each.state is State.UNKNOWN for each in tried) else 0


def table(tried: Sequence[Rehearsal], skipped: Sequence[str]) -> list[str]:
    """A line a service, and the lines for the declaration."""
    lines = list(columns([(each.service, MEANING[each.state], each.reason) for each in tried])) or ["nothing was tried"]
    writing = [each for each in tried if each.confinement]
    if writing:
        lines += ["", "to write into ops_stack, and to deploy where it may fail first:", "services:"]
        lines += [f"  {each.service}: {{confinement: {_flow(each.confinement)}}}" for each in writing]
    if weak := [each.service for each in writing if not each.judged]:
        lines += ["", f"no healthcheck says whether it works: {', '.join(weak)} did no more than run"]
    if skipped:
        lines += ["", f"not tried unasked, since two of them may do the same work: {', '.join(skipped)}"]
    return lines


def _flow(confinement: dict[str, Any]) -> str:
    """As YAML in one line; the names in it need no quotes."""
    return json.dumps(confinement).replace('"', "")
