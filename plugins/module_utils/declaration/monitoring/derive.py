# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the exporters of a host need to know of how its stacks are measured."""

from __future__ import annotations

from ..model import Declaration
from .model import monitoring_of


def request_buckets(declaration: Declaration) -> list[float]:
    """The bounds of the histograms of response times, in seconds."""
    return list(monitoring_of(declaration).buckets)
