# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernel settings of others that role os_hardening overrules, and modules that it blocks."""

from __future__ import annotations

from collections.abc import Iterator

from ...hostconfig.sysctl import wanted_of
from ..finding import Finding, Given, Verdict, spelled


def judge(given: Given) -> Iterator[Finding]:
    """Settings that differ; equal ones and those that the role does not make stay in silence, but for a summary."""
    wanted = given.role("os_hardening") or {}
    declared = {str(name): value for name, value in (wanted.get("sysctl") or {}).items()}
    for setting in given.survey.settings:
        base = Finding("kernel setting", setting.name, f"{setting.value} ({setting.file})")
        meant = wanted_of(declared, setting.name)
        later = None if meant is None else str(meant)
        by_pattern = setting.name not in declared
        if later is None or later == setting.value:
            yield base
        elif setting.later or by_pattern:
            why = "a key of its own wins over a pattern" if by_pattern else "that file is read later"
            effect = f"sets {later} in each run, and after a boot {setting.value} is back: {why}"
            yield base.judged(
                Verdict.CONFLICT,
                "os_hardening",
                effect,
                "os_hardening_sysctl_extra",
                f"{spelled({setting.name: setting.value})}, or remove it there",
            )
        else:
            yield base.judged(
                Verdict.TAKEN_OVER,
                "os_hardening",
                f"sets it to {later}",
                "os_hardening_sysctl_extra",
                spelled({setting.name: setting.value}),
            )
    blocked = [str(name) for name in wanted.get("blocked_modules") or ()]
    for name in given.survey.modules:
        if name in {module.replace("-", "_") for module in blocked}:
            effect = "keeps it from being loaded: whoever uses it can no more after a boot"
            rest = [module for module in blocked if module.replace("-", "_") != name]
            base = Finding("kernel module", name, "loaded now")
            yield base.judged(
                Verdict.REPORTED, "os_hardening", effect, "os_hardening_blocked_modules", f"all but {name} ({len(rest)} names)"
            )
