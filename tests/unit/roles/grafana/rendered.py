# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of role grafana, rendered by Ansible from a declaration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_runs import AnsibleRuns

from .. import rendering
from ..rendering import Rendered

ROOT = Path(__file__).resolve().parents[4]
ROLE = ROOT / "roles/grafana"
FOLDER = "/etc/latentum-ops/grafana"
UNIT = "latentum-ops-grafana.service"
SECRETS = ("latentum-ops-grafana-secrets.path", "latentum-ops-grafana-secrets.service")
SHOP: dict[str, Any] = {
    "name": "shop",
    "contact": "ops@example.com",
    "compose": "services: {web: {image: 'acme/web:1', healthcheck: {test: [CMD, 'true']}}}",
    "routes": [{"domain": "shop.example.com", "service": "web", "port": 8080}],
    "secrets": {"ada_password": {"kind": "password"}},
    "slos": [{"name": "web", "route": "shop.example.com/", "availability": 99.9}],
    "monitoring": {
        "scrape_interval": "10s",
        "dashboards": {"domain": "grafana.example.com", "auth": {"basic": {"users": {"ada": "ada_password"}}}},
    },
}
BLOG: dict[str, Any] = {**SHOP, "name": "blog", "monitoring": {}, "slos": [], "secrets": {},
                        "routes": [{"domain": "blog.example.com", "service": "web", "port": 8080}]}  # fmt: skip
ON: dict[str, Any] = {"grafana_enabled": True, "monitoring_enabled": True, "exporters_enabled": True, "ops_stack": SHOP}
OWN = ("preflight", "masks", "purge", "unit_purge", "activate", "restart", "credentials", "jobs")


def render(variants: dict[str, dict[str, Any]], ansible: AnsibleRuns, folder: Path) -> dict[str, Rendered]:
    """What the role makes of each set of variables."""
    own = {part: f"__grafana_{part}" for part in OWN}
    own["problems"] = "__grafana_setup.problems if grafana_enabled else []"
    return rendering.render(Rendered, ROLE, "__grafana_files + __grafana_unit_files", own, variants, ansible, folder)
