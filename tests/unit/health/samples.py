# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container, made small."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from ansible_collections.latentum.ops.plugins.module_utils.containers.client import Container


def container(number: int = 1, **changes: Any) -> Container:
    """A healthy container of service web, started an hour ago."""
    started = datetime.fromtimestamp(time.time() - changes.pop("age", 3600), UTC).isoformat()
    described: dict[str, Any] = {
        "id": f"id{number}", "name": f"shop-web-{number}", "service": "web", "number": number, "state": "running", "health": "healthy",
        "restarts": 0, "exit_code": 0, "oom_killed": False, "started_at": started, "image": "web:1", "image_id": "sha256:1",
        "addresses": (("backend", f"10.0.0.{number}"),), "health_log": (),
    }  # fmt: skip
    return Container(**{**described, **changes})
