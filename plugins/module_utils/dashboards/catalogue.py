# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All dashboards, in the order in which they were thought of; a new one is a file here and one line."""

from __future__ import annotations

from . import backups, caches, containers, databases, host, logs, nginx, objectives, overview, service
from .panel import Dashboard
from .scope import Scope

_ALL = (overview, service, host, containers, nginx, databases, caches, backups, objectives, logs)


def dashboards(scope: Scope) -> list[Dashboard]:
    """Those for which there are numbers."""
    return [made for part in _ALL if (made := part.dashboard(scope))]
