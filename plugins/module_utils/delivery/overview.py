# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What waits and what is under way of releases that come by themselves, for whoever looks at the host."""

from __future__ import annotations

from typing import Any

from .queue import Queue, public


def not_ended(stack: str = "") -> list[dict[str, Any]]:
    """What waits and what is under way, the oldest first, of a stack or of all; nothing on a host without deliveries."""
    queue = Queue()
    try:
        stacks = [known for known in queue.stacks() if stack in ("", known)]
        return [public(entry) for known in stacks for entry in queue.entries(known) if not entry.state.ended]
    except OSError:
        return []  # as whoever may not read the queue sees the rest of a host all the same


def sentence(delivery: dict[str, Any]) -> str:
    """One of these for a person."""
    what = f"{delivery['kind']} {delivery['ref']} of {delivery['repository']}, by {delivery['who']}: {delivery['state']}"
    return f"delivery {delivery['id'][:8]} for {delivery['stack']}: {what}" + (f" ({delivery['reason']})" if delivery["reason"] else "")
