# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs in the state of a host."""

from __future__ import annotations

import time
from typing import Any

from ansible_collections.latentum.ops.plugins.module_utils.status import overview
from ansible_collections.latentum.ops.plugins.module_utils.status.table import table

HOST = {"name": "web1", "kernel": "6.1", "uptime": 60, "load": [0.0, 0.0, 0.0], "reboot_required": False}


def job(name: str, trouble: str = "") -> dict[str, Any]:
    last = {"began": time.time() - 3600, "ended": time.time() - 3000, "seconds": 600.0}
    state = "failed" if trouble else "succeeded"
    return {
        "job": name,
        "service": "modeling",
        "schedule": "daily UTC",
        "running": False,
        "state": state,
        "trouble": trouble,
        "last": last,
        "next": 0,
    }


def test_jobs_are_shown_with_what_is_wrong_and_those_of_one_stack_alone() -> None:
    both = [{"stack": "shop", "jobs": [job("train", "it ended with exit status 3")]}, {"stack": "blog", "jobs": [job("report")]}]
    collected = {"host": HOST, "stacks": [], "jobs": both}
    shown = table(collected)
    assert "jobs of shop" in shown and "!! train: it ended with exit status 3" in shown and "report" in shown
    assert overview.of_stack({**collected, "backups": [], "certificates": []}, "blog")["jobs"] == both[1:]


def test_what_another_engine_collected_has_none() -> None:
    assert "jobs" not in table({"host": HOST, "stacks": []})
