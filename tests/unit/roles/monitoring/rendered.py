# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of role monitoring, rendered by Ansible from a declaration, and the programs that read them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_runs import AnsibleRuns

from .. import rendering

ROOT = Path(__file__).resolve().parents[4]
ROLE = ROOT / "roles/monitoring"
FOLDER = "/etc/latentum-ops/monitoring"
PROMETHEUS, ALERTMANAGER = "latentum-ops-prometheus.service", "latentum-ops-alertmanager.service"
STORAGE, AGENT, RULER = LIGHTER = tuple(f"latentum-ops-{name}.service" for name in ("victoriametrics", "vmagent", "vmalert"))
SECRETS = ("latentum-ops-alertmanager-secrets.path", "latentum-ops-alertmanager-secrets.service")
REPORT = ("latentum-ops-report.timer", "latentum-ops-report.service")
PROGRAMS = ("promtool", "prometheus", "amtool", "prometheus-alertmanager")
needs_programs = pytest.mark.skipif(
    not all(map(shutil.which, PROGRAMS)), reason="no Prometheus and Alertmanager here: tests/tools/unit.sh provides them"
)

LIGHTER_PROGRAMS = ("victoria-metrics", "vmagent", "vmalert", *PROGRAMS[2:])
needs_victoriametrics = pytest.mark.skipif(
    not all(map(shutil.which, LIGHTER_PROGRAMS)), reason="no VictoriaMetrics and Alertmanager here: tests/tools/unit.sh provides them"
)


def old_alertmanager() -> bool:
    """One that reads the address of a webhook from no file."""
    if not shutil.which("amtool"):
        return False
    shown = subprocess.run(["amtool", "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"version (\d+)\.(\d+)", shown.stdout + shown.stderr)
    return found is not None and (int(found[1]), int(found[2])) < (0, 26)


COMPOSE = """
services:
  web: {image: 'acme/web:1', healthcheck: {test: [CMD, 'true']}}
  worker: {image: 'acme/worker:1', healthcheck: {test: [CMD, 'true']}}
"""
PROVIDED = {"kind": "provided", "value": "https://hooks.example.com/services/T0/B0/hush"}
SHOP: dict[str, Any] = {
    "name": "shop",
    "contact": "ops@example.com",
    "compose": COMPOSE,
    "routes": [{"domain": "shop.example.com", "service": "web", "port": 8080}],
    "secrets": {"chat": PROVIDED, "switch": PROVIDED, "pager": {"kind": "provided", "value": "0" * 32}},
    "slos": [{"name": "web", "route": "shop.example.com/", "availability": 99.9}],
    "monitoring": {"scrape_interval": "10s", "deadman": {"url_secret": "switch"}},
    "watchdog": {
        "runbook": "https://wiki.example.com/{runbook}",
        "alerts": [
            {"name": "chat", "kind": "slack", "url_secret": "chat"},
            {"name": "duty", "kind": "pagerduty", "key_secret": "pager", "severities": ["critical"]},
            {"name": "push", "kind": "apprise", "url_secret": "chat"},
        ],
    },
}
BLOG: dict[str, Any] = {
    **SHOP,
    "name": "blog",
    "routes": [{"domain": "blog.example.com", "service": "web", "port": 8080}],
    "slos": [],
    "monitoring": {},
    "secrets": {"chat": PROVIDED},
    "watchdog": {"alerts": [{"name": "chat", "kind": "slack", "url_secret": "chat"}]},
}
OWN = (
    "running",
    "service_units",
    "masks",
    "packages",
    "archives",
    "victoriametrics",
    "purge",
    "unit_purge",
    "checks",
    "reload",
    "activate",
    "preflight",
)


class Rendered(rendering.Rendered):
    """What the role makes of variables."""

    @property
    def untold(self) -> list[str]:
        """What Alertmanager cannot tell by."""
        said: list[str] = self.variables["untold"]
        return said

    def written(self, folder: Path) -> Path:
        """The folder of the configuration, below another one."""
        for path, content in self.files.items():
            if path.startswith(FOLDER) and content:
                place = folder / path.removeprefix(f"{FOLDER}/")
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(content)
        return folder


def render(variants: dict[str, dict[str, Any]], ansible: AnsibleRuns, folder: Path) -> dict[str, Rendered]:
    """What the role makes of each set of variables."""
    own = {part: f"__monitoring_{part}" for part in OWN} | {"untold": "__monitoring_setup.untold if monitoring_enabled else []"}
    return rendering.render(Rendered, ROLE, "__monitoring_files + __monitoring_unit_files", own, variants, ansible, folder)
