# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings that roles have written here before, and that something of somebody else overrules."""

from __future__ import annotations

from collections.abc import Iterator

from ...core.masking import line
from ...effective.judgement import judge as judge_settings
from ..finding import Finding, Given, Verdict


def judge(given: Given) -> Iterator[Finding]:
    """A conflict for each that the inventory does not allow. Before a first run there is nothing of ours to be overruled."""
    for one in judge_settings(host=given.host).deviations:
        base = Finding("overruled setting", f"{one.role}: {one.key}", line(f"{one.effective or 'not set'} ({one.where})"))
        if given.role(one.role) is None:
            yield base
        else:
            allow = (f"{one.role}_allowed_deviations", f'{{"{one.key}": why}}, or remove that line')
            yield base.judged(Verdict.CONFLICT, one.role, f"has written {one.wanted or 'nothing'}, and fails while it is overruled", *allow)
