# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rule of a canary: which share it gets, and when its trial is passed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Query:
    """A Prometheus query whose value must not exceed a maximum."""

    url: str
    query: str
    max: float


@dataclass(frozen=True)
class Rule:
    """When a canary passes.

    :param share: percent of the requests that it gets.
    :param duration: seconds of the trial.
    :param min_requests: fewer answered by the canary say nothing.
    :param max_error_rate: percentage points by which it may fail more often than the old version.
    :param max_latency_ratio: its 95th percentile over that of the old version.
    :param on_low_traffic: ``abort`` or ``promote``.
    """

    share: int = 10
    duration: float = 60.0
    min_requests: int = 100
    max_error_rate: float = 1.0
    max_latency_ratio: float = 1.5
    on_low_traffic: str = "abort"
    prometheus: Query | None = None


def rule_from(raw: Mapping[str, Any]) -> Rule:
    """A rule from the declaration's dictionary."""
    given = {name: value for name, value in raw.items() if value is not None}
    query = given.pop("prometheus", None)
    return Rule(**given, prometheus=Query(**query) if query else None)
