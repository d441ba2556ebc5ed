# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The argument spec that compose_health and its info twin share; documented by the fragment expectations."""

from __future__ import annotations

from typing import Any

from ..contracts.argspec import argspec
from ..contracts.health import Expectation

ARGUMENTS: dict[str, Any] = {
    "project": {"type": "str", "required": True},
    "services": {"type": "list", "elements": "dict", "required": True, "options": argspec(Expectation)},
    "log_lines": {"type": "int", "default": 20},
}
