# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters for role log_shipping."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.latentum.ops.plugins.module_utils.logs.problems import problems


def log_shipping_problems(given: Mapping[str, Any]) -> list[str]:
    """See the filter's own documentation."""
    return problems(given)


class FilterModule:
    """Each is documented in a file of its own name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters by name."""
        return {"log_shipping_problems": log_shipping_problems}
