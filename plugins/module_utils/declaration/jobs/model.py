# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs, as they are declared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..model import Declaration

JobEntries = Mapping[str, Mapping[str, Any]]


def jobs_from(items: JobEntries) -> JobEntries:
    """What the schema read, by name."""
    return dict(items)


def jobs_of(declaration: Declaration) -> JobEntries:
    """The jobs of a stack by name; mappings as the schema read them."""
    jobs: JobEntries = declaration.parts["jobs"]
    return jobs


def needs(declaration: Declaration, service: str) -> set[str]:
    """The services that a service depends on, directly or through others."""
    needed: set[str] = set()
    services = declaration.compose.services
    waiting = list(services[service].depends_on) if service in services else []
    while waiting:
        name = waiting.pop()
        if name not in needed and name in services:
            needed.add(name)
            waiting += services[name].depends_on
    return needed
