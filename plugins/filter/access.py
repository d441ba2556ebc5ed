# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters for role access."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible_collections.latentum.ops.plugins.module_utils.access.declaration import without_secrets


def operators_without_secrets(operators: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """See the filter's own documentation."""
    return [without_secrets(operator) for operator in operators]


class FilterModule:
    """Each is documented in a file of its own name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters by name."""
        return {"operators_without_secrets": operators_without_secrets}
