# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verb of opsctl that judges the services of stacks."""

from __future__ import annotations

import argparse
from typing import Any

from ..containers.client import Engine
from ..contracts.health import expectations_from
from ..health.assessment import look
from ..health.report import details, text
from ..release.stacks import stacks
from . import stack_choice
from .arguments import shared
from .output import Output


def add_parsers(verbs: Any) -> None:
    """The command line of the verb."""
    verbs.add_parser("health", parents=[shared(stack="only of this stack; all when none is named or stood in")])


def run_verb(options: argparse.Namespace, output: Output) -> int:
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
