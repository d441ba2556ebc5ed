# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runbooks as a terminal shows them: pages of docs/runbooks, with links as commands."""

from __future__ import annotations

import re

from ..contracts.alerts import RUNBOOKS
from ..slo import alerts as objectives
from .runbook_pages import PAGES

ALERTS = {**RUNBOOKS, **objectives.PAGES}

_PAGE = re.compile(r"\[([^]]+)\]\(([a-z-]+)\.md\)")
_LINK = re.compile(r"\[([^]]+)\]\([^)]*\)")


def names() -> list[str]:
    """The names of all pages."""
    return sorted(PAGES)


def page_of(name: str) -> str:
    """The page of an alert of Prometheus; any other name is that of a page."""
    return ALERTS.get(name, name)


def title(name: str) -> str:
    """The heading of a page."""
    return PAGES[name].partition("\n")[0].lstrip("# ")


def text(name: str) -> str:
    """A page; a link to another one is the command that prints it."""
    return _LINK.sub(r"\1", _PAGE.sub(r"`opsctl runbook \2`", PAGES[name])).rstrip("\n")
