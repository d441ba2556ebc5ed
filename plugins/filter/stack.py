# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters from a declaration to what the roles need."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.latentum.ops.plugins.module_utils.declaration.together.loader import DERIVATIONS
from ansible_collections.latentum.ops.plugins.plugin_utils.declared import derived


class FilterModule:
    """Each is documented in a file of its own name."""

    def filters(self) -> dict[str, Callable[[object], Any]]:
        return {name: derived(name) for name in DERIVATIONS}
