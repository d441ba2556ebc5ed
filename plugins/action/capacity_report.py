# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes one report of capacity and cost of what several hosts have said. Reaches none of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.latentum.ops.plugins.module_utils.capacity.html import html
from ansible_collections.latentum.ops.plugins.module_utils.capacity.markdown import markdown
from ansible_collections.latentum.ops.plugins.module_utils.capacity.picture import pictures
from ansible_collections.latentum.ops.plugins.module_utils.capacity.report import Report
from ansible_collections.latentum.ops.plugins.module_utils.capacity.table import table, together
from ansible_collections.latentum.ops.plugins.plugin_utils import report_files

OPTIONS = {"answers": {"type": "str", "required": True}, "folder": {"type": "path", "default": "report"}}
_MODE = 0o644
_LONGEST = 500  # characters of a reason
_NOT_UNDERSTOOD = 2  # exit status of a command line that opsctl does not know, and of Ansible where there is no opsctl


class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible has no type hints
    """Of the hosts' variables only their answers are read."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """What was written, and the table."""
        super().run(tmp, task_vars)
        _validated, given = self.validate_argument_spec(argument_spec=OPTIONS)
        variables = task_vars or {}
        hostvars = variables["hostvars"]
        reports, unknown = read((host, hostvars[host].get(given["answers"])) for host in variables["ansible_play_hosts_all"])
        if not reports:
            return {"failed": True, "msg": "\n".join(["no host has a report, and none was written:", *unknown]), "unknown": unknown}
        folder = Path(given["folder"]).absolute()
        files = documents(reports, unknown)
        if not self._task.check_mode:
            report_files.write(folder, files, "report_folder", mode=_MODE, replaced="capacity-*.svg")
        lines = [*unknown, *(line for report in reports for line in ["", *table(report)]), *together(reports)]
        return {
            "changed": False,
            "files": [str(folder / name) for name in files],
            "unknown": unknown,
            "reports": [report.to_dict() for report in reports],
            "table": lines,
        }


def read(answers: Iterable[tuple[str, Any]]) -> tuple[list[Report], list[str]]:
    """The reports, and for each host without one a sentence."""
    reports, unknown = [], []
    for host, answer in answers:
        try:
            reports.append(Report.from_dict(json.loads(answer["stdout"]), tolerant=True))
        except (KeyError, TypeError, ValueError):
            unknown.append(f"{host}: {_reason(answer)}")
    return reports, unknown


def _reason(answer: Any) -> str:
    """Why there is no report, in the words of the host where it has any."""
    if not isinstance(answer, Mapping):
        return "was not reached"
    try:
        text = str(json.loads(answer["stdout"])["error"]["message"])
    except (KeyError, TypeError, ValueError):
        text = str(answer.get("stderr") or answer.get("msg") or "no answer of opsctl report")
        if answer.get("rc") == _NOT_UNDERSTOOD:
            text += "; where its engine knows no report: run site.yml with --tags opsctl"
    return " ".join(text.split())[:_LONGEST]


def documents(reports: list[Report], unknown: list[str]) -> dict[str, str]:
    """All files by their names."""

    def file(host: str, name: str) -> str:
        return f"capacity-{re.sub(r'[^A-Za-z0-9._-]', '_', host)}-{name}.svg"

    drawn = {file(report.host, name): svg for report in reports for name, svg in pictures(report).items()}
    return {"capacity.md": markdown(reports, unknown, file), "capacity.html": html(reports, unknown), **drawn}
