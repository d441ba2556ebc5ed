# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A service of the tests, which each of them changes in what it is about."""

from __future__ import annotations

from typing import Any

from ansible_collections.latentum.ops.plugins.module_utils.capacity.use import Use

GIB, MIB = 2.0**30, 2.0**20


def use(**changed: Any) -> Use:
    """One that fits its limits."""
    usual: dict[str, Any] = {
        "stack": "shop", "service": "web", "running": True, "containers": 2, "days": 30.0, "cpu": [0.4] * 1000,
        "memory": [300 * MIB] * 1000, "cpu_limit": 0.6, "memory_limit": 448 * MIB, "throttled": 0.0, "ooms": 0, "floor": 0.0,
        "network": 50_000.0, "requests": 9000.0, "sums": (0.8, 600 * MIB), "allowed": (1.2, 896 * MIB),
    }  # fmt: skip
    return Use(**{**usual, **changed})
