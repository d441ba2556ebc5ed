# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Events that are drawn into graphs: releases that went live, and incidents."""

from __future__ import annotations

from ..alert_rules.names import WATCHDOG
from .panel import Marks

_STACK = 'stack=~"$stack"'
# The value is when; of hosts of one cluster each says so.
RELEASES = Marks(
    "Releases",
    f"max by (stack, release) ({WATCHDOG}release_live_timestamp_seconds{{{_STACK}}}) * 1000",
    "{{stack}}: release {{release}}",
    ("stack", "release"),
    "blue",
    at_value=True,
)
INCIDENTS = Marks(
    "Incidents",
    f"max by (stack, subject, severity) ({WATCHDOG}incident_open{{{_STACK}}}) == 1",
    "{{stack}} {{subject}}",
    ("severity",),
    "red",
)
