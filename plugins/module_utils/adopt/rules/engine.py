# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine of this collection that is here already, and stacks of this inventory or of another."""

from __future__ import annotations

from collections.abc import Iterator

from ...core.version import OWN, EngineVersion
from ..finding import Finding, Given, Verdict
from ..survey.engine import Stack


def judge(given: Given) -> Iterator[Finding]:
    """The engine, and each stack."""
    engine = given.survey.engine
    if not engine.installed:
        return
    base = Finding("engine", f"latentum.ops {engine.version}", f"{len(engine.stacks)} stacks")
    if EngineVersion(engine.version).older_than(OWN):
        yield base.judged(Verdict.MANAGED, "opsctl", f"is replaced by {OWN.version}")
    else:
        yield base.judged(Verdict.MANAGED, "opsctl", "stays: an engine is never downgraded" if engine.version != OWN.version else "")
    for stack in engine.stacks:
        yield _stack(given, stack)


def _stack(given: Given, stack: Stack) -> Finding:
    recorded = ", ".join(f"{name} {value}" for name, value in stack.recorded.items())
    release = f"release {stack.release}" if stack.release else ""
    details = ", ".join(filter(None, [stack.directory, release, recorded, " ".join(stack.domains)]))
    base = Finding("stack", stack.name, details)
    if given.stack(stack.name):
        return base.judged(Verdict.MANAGED, "stack")
    return base.judged(Verdict.STAYS, "", "not of this run: nothing of it is touched, its sites neither")
