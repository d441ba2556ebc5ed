# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Agents of clouds, of monitoring and of access: all stay; what they may change by themselves is named."""

from __future__ import annotations

from collections.abc import Iterator

from ..finding import Finding, Given


def judge(given: Given) -> Iterator[Finding]:
    """A finding an agent."""
    for agent in given.survey.agents:
        changes = f"; may change {agent.changes}" if agent.changes else ""
        yield Finding("agent", agent.unit, f"{agent.what}{'' if agent.running else ', not running'}{changes}")
