# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a backup is late, of a stack or of one of its plans, from what was noted of it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any


def is_late(backup: Mapping[str, Any]) -> bool:
    """The last backup that can be restored is older than was promised, or its proof has failed; with plans that of any plan."""
    if plans := backup.get("plans"):
        return any(is_late(plan) for plan in plans.values())
    proof = backup.get("verify", {})
    return time.time() - backup.get("restorable", 0.0) > backup.get("stale_after", 0.0) or not proof.get("ok", True)
