# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Unattended upgrades: what somebody has set and 52latentum-ops-unattended-upgrades overrules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..finding import Finding, Given, Verdict, spelled

VARIABLES = {
    "Automatic-Reboot": "auto_updates_reboot",
    "Automatic-Reboot-Time": "auto_updates_reboot_time",
    "Automatic-Reboot-WithUsers": "auto_updates_reboot_with_users",
    "Mail": "auto_updates_mail",
}
# Origins and holds of the distribution's own file.
USUAL = ("origin=Debian", "origin=Ubuntu", "${distro_id}", "Debian:", "Ubuntu:", "UbuntuESM")


def judge(given: Given) -> Iterator[Finding]:
    """Values, lists and files that are read after ours."""
    updates, wanted = given.survey.updates, given.role("auto_updates")
    if wanted is None or updates.ours:
        return
    yield from _values(updates.values, wanted)
    for key, variable, declared in (
        ("Origins-Pattern", "auto_updates_extra_origins", wanted.get("extra_origins") or ()),
        ("Allowed-Origins", "auto_updates_extra_origins", wanted.get("extra_origins") or ()),
        ("Package-Blacklist", "auto_updates_extra_held", [*(wanted.get("held") or ()), *(wanted.get("extra_held") or ())]),
    ):
        yield from _lists(key, updates.lists.get(key, ()), variable, [str(item) for item in declared])
    for path, keys in updates.later.items():
        base = Finding("updates", path, ", ".join(keys))
        yield base.judged(Verdict.CONFLICT, "auto_updates", "is overruled: apt reads this file later", path, "remove what it sets of these")


def _values(values: Mapping[str, str], wanted: Mapping[str, Any]) -> Iterator[Finding]:
    for key, variable in VARIABLES.items():
        now, declared = values.get(key), wanted.get(variable.removeprefix("auto_updates_"))
        later = str(declared).lower() if isinstance(declared, bool) else str(declared or "")
        if now and now.lower() not in {later, "false"}:
            effect = f"sets it to {later or 'nothing'}"
            yield Finding("updates", key, now).judged(Verdict.TAKEN_OVER, "auto_updates", effect, variable, now)


def _lists(key: str, items: Sequence[str], variable: str, declared: Sequence[str]) -> Iterator[Finding]:
    lost = [item for item in items if item not in declared and not item.startswith(USUAL)]
    if lost:
        base = Finding("updates", key, ", ".join(lost))
        yield base.judged(Verdict.TAKEN_OVER, "auto_updates", "clears this list and writes its own", variable, spelled(lost))
