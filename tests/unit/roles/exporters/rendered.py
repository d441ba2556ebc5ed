# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of role exporters, rendered by Ansible, and the programs that read them."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ansible_runs import AnsibleRuns

from ..plays import told
from ..test_nginx_templates import RENDER

ROOT = Path(__file__).resolve().parents[4]
ROLE = ROOT / "roles/exporters"
PROGRAM = "/etc/latentum-ops/exporters/mtail/requests.mtail"
ON: dict[str, Any] = {"exporters_enabled": True, "exporters_requests": True, "exporters_nginx": True}
SHOP: dict[str, Any] = {
    "name": "shop",
    "contact": "ops@example.com",
    "compose": "services: {web: {image: 'acme/web:1', healthcheck: {test: [CMD, 'true']}}}",
    "monitoring": {"buckets": ["5ms", "300ms", 1, "1.5s", 10]},
}
PROGRAMS = ("prometheus-node-exporter", "mtail", "prometheus-nginx-exporter", "prometheus-blackbox-exporter")
MTAIL = os.environ.get("LATENTUM_TEST_MTAIL") or shutil.which("mtail") or ""
needs_mtail = pytest.mark.skipif(not MTAIL, reason="no mtail on this machine (LATENTUM_TEST_MTAIL names one)")

# Debian 12's leaves out what it has read together with a byte that is no UTF-8 (docs/guides/metrics.md).
VERSION = subprocess.run([MTAIL, "--version"], capture_output=True, text=True, check=False).stdout if MTAIL else ""
READS_ONLY_UTF8 = bool(re.search(r"3\.0\.0[~-]rc([1-4]\d|5[01])\b", VERSION))


@dataclass(frozen=True)
class Rendered:
    """What the role makes of variables.

    :param files: content by path; none for folders.
    :param variables: of the role, those of its own among them.
    """

    files: dict[str, str]
    variables: dict[str, Any]

    def unit(self, name: str) -> dict[str, list[str]]:
        """The settings of a unit, each with all its values."""
        settings: dict[str, list[str]] = {}
        for line in self.files[f"/etc/systemd/system/{name}"].replace("\\\n", " ").splitlines():
            key, equals, value = line.partition("=")
            if equals and not line.startswith("#"):
                settings.setdefault(key, []).append(value.strip())
        return settings

    def command(self, name: str) -> list[str]:
        """What a unit starts, as systemd reads it."""
        (line,) = self.unit(name)["ExecStart"]
        return [word.replace("$$", "$") for word in shlex.split(line)]


OWN = ("chosen", "units", "others", "masks", "purge", "checks", "activate", "addresses", "preflight")


def render(variants: dict[str, dict[str, Any]], ansible: AnsibleRuns, folder: Path) -> dict[str, Rendered]:
    """What the role makes of each set of variables."""
    (folder / "templates").symlink_to(ROLE / "templates")
    (folder / "action_plugins").mkdir()
    (folder / "action_plugins/render.py").write_text(RENDER)
    tasks: list[dict[str, Any]] = []
    for name, given in variants.items():
        tasks.append({"name": f"Render {name}", "render": {"files": "{{ __exporters_files }}"}, "vars": given, "register": "shown"})
        own = {part: f"{{{{ __exporters_{part} }}}}" for part in OWN}
        tasks.append({"name": name, "ansible.builtin.debug": {"msg": {"files": "{{ shown.files }}", **own}}, "vars": given})
    shown = told(ansible, folder, tasks, [ROLE / "defaults/main.yml", ROLE / "vars/main.yml"])
    return {
        name: Rendered({file["path"]: file.get("content", "") for file in shown[name]["files"]}, {part: shown[name][part] for part in OWN})
        for name in variants
    }
