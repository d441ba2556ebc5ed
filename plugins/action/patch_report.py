# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes one report of what became of several hosts. Reaches none of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.latentum.ops.plugins.module_utils.patching.report import HostReport, Outcome, going_on, markdown, table
from ansible_collections.latentum.ops.plugins.plugin_utils import report_files

OPTIONS = {
    "answers": {"type": "str", "required": True},
    "hosts": {"type": "list", "elements": "str", "required": True},
    "canary": {"type": "str", "default": ""},
    "folder": {"type": "path", "default": "patches"},
}


class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible has no type hints
    """Of the hosts' variables only their results are read."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """What was written, and the table."""
        super().run(tmp, task_vars)
        _validated, given = self.validate_argument_spec(argument_spec=OPTIONS)
        hostvars = (task_vars or {})["hostvars"]
        reports = read(((host, hostvars[host].get(given["answers"])) for host in given["hosts"]), given["canary"])
        at = datetime.now(timezone.utc)
        files = documents(reports, at)
        folder = Path(given["folder"]).absolute()
        if not self._task.check_mode:
            report_files.write(folder, files, "patch_report_dir")
        return {
            "changed": False,
            "files": [str(folder / name) for name in files],
            "reports": [report.as_dict() for report in reports],
            "going_on": going_on(reports),
            "table": table(reports),
        }


def read(results: Iterable[tuple[str, Any]], canary: str) -> list[HostReport]:
    """What became of each host; one without a result was not begun."""
    reports = []
    for host, result in results:
        known: Mapping[str, Any] = result if isinstance(result, Mapping) else {}
        outcome = Outcome(known.get("outcome", Outcome.NOT_BEGUN.value))
        reports.append(
            HostReport(
                host,
                outcome,
                canary=host == canary,
                step=str(known.get("step") or ""),
                reason=" ".join(str(known.get("reason") or "").split()),
                drained=bool(known.get("drained")),
                update=known.get("update") or {},
                waiting=known.get("waiting") or [],
            )
        )
    return reports


def documents(reports: list[HostReport], at: datetime) -> dict[str, str]:
    """The files by their names."""
    name = f"patches-{at.strftime('%Y-%m-%dT%H%M%SZ')}"
    content = {"version": 1, "at": at.isoformat(timespec="seconds"), "hosts": [report.as_dict() for report in reports]}
    return {
        f"{name}.json": json.dumps(content, indent=1) + "\n",
        f"{name}.md": markdown(reports, at.isoformat(sep=" ", timespec="minutes")),
    }
