# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How old secrets are that are declared to be replaced, for Prometheus: `latentum_ops_secret_*`; names and times, and no value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from ..secretstore import ages

if TYPE_CHECKING:
    from prometheus_client import Metric

PREFIX = "latentum_ops_secret_"


def families(stacks: Iterable[str]) -> Iterator[Metric]:
    """None of a stack whose secrets nobody replaces."""
    from prometheus_client.core import GaugeMetricFamily

    known = [(stack, age) for stack in stacks for age in _read(stack)]
    if not known:
        return
    updated = GaugeMetricFamily(f"{PREFIX}timestamp_seconds", "When a secret got its value.", labels=("stack", "secret"))
    limit = GaugeMetricFamily(f"{PREFIX}max_age_seconds", "How old its value may become.", labels=("stack", "secret"))
    for stack, age in known:
        updated.add_metric([stack, age.name], age.updated)
        if age.every:
            limit.add_metric([stack, age.name], age.every)
    yield updated
    yield limit


def _read(stack: str) -> list[ages.Age]:
    try:
        return ages.read(stack)
    except (OSError, ValueError):
        return []  # the check of the same file says so
