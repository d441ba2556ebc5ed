# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images that came by themselves: a run that declares others is refused before it has changed anything, where the stack says so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..release import delivered
from ..schema.nodes import Problem
from .budgets import declared_of
from .host import Host


def kept(_host: Host, wanted: Mapping[str, Mapping[str, Any]]) -> Iterator[Problem]:
    """What was delivered is what is declared, or the stack says what is done about it (C(delivery.site_run))."""
    given = wanted["stack"]
    policy = str(given.get("site_run") or "")
    if not policy or not given["project"].get("services"):
        return
    differing = delivered.of_run(declared_of(given), given.get("images") or {}, policy)
    if differing.run is delivered.Run.REFUSE:
        *images, fix = differing.sentences
        yield Problem("delivery.site_run", "", f"does not let this run replace what was delivered: {'; '.join(images)}", fix)
