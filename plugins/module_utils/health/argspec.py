# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The argument spec that compose_health and its info twin share; documented by the fragment expectations."""

from __future__ import annotations

from typing import Any

PROBE: dict[str, Any] = {
    "port": {"type": "int", "required": True},
    "path": {"type": "str", "default": "/"},
    "status": {"type": "int", "default": 200},
    "timeout": {"type": "float", "default": 5.0},
}
SERVICE: dict[str, Any] = {
    "service": {"type": "str", "required": True},
    "expect": {"type": "str", "choices": ["healthy", "running", "completed"], "default": "running"},
    "replicas": {"type": "int", "default": 1},
    "probe": {"type": "dict", "options": PROBE},
}
ARGUMENTS: dict[str, Any] = {
    "project": {"type": "str", "required": True},
    "services": {"type": "list", "elements": "dict", "required": True, "options": SERVICE},
    "log_lines": {"type": "int", "default": 20},
}
