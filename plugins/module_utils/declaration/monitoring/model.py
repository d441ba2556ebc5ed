# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a stack is measured, read and typed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...contracts.monitoring import Monitoring
from ..model import Declaration
from .schema import MONITORING


def monitoring_from(item: Mapping[str, Any] | None) -> Monitoring:
    """From what the schema read, whose table has the defaults."""
    read = MONITORING.read({}, "", []) if item is None else item
    return Monitoring(tuple(float(bound) for bound in read["buckets"] if bound is not None), float(read["scrape_interval"]))


def monitoring_of(declaration: Declaration) -> Monitoring:
    """What holds for the metrics of a stack."""
    monitoring: Monitoring = declaration.parts["monitoring"]
    return monitoring
