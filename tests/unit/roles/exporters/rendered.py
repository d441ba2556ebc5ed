# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of role exporters, rendered by Ansible, and the programs that read them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_runs import AnsibleRuns

from .. import rendering
from ..rendering import Rendered

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
MEASURED: dict[str, Any] = {
    "name": "shop",
    "contact": "ops@example.com",
    "compose": """
services:
  db: {image: 'postgres:17.2', healthcheck: {test: [CMD, 'true']}, secrets: [db_password]}
  cache: {image: 'redis:7.4', healthcheck: {test: [CMD, 'true']}}
  pooler: {image: 'acme/pgbouncer:1', healthcheck: {test: [CMD, 'true']}}
secrets: {db_password: {file: ./db_password}}
""",
    "secrets": {"db_password": {"kind": "password"}, "stats_password": {"kind": "password"}},
    "databases": [{"service": "db", "name": "app", "user": "app", "password_secret": "db_password"}],
    "services": {
        "db": {"update": {"strategy": "recreate"}, "metrics": {"queries": {"shop_orders_open": {"sql": "SELECT count(*) FROM orders"}}}},
        "cache": {"metrics": {"kind": "redis", "keys": [{"key": "jobs"}]}},
        "pooler": {"metrics": {"kind": "pgbouncer", "user": "stats", "password_secret": "stats_password"}},
    },
}
PROGRAMS = ("prometheus-node-exporter", "mtail", "prometheus-nginx-exporter", "prometheus-blackbox-exporter")
MTAIL = os.environ.get("LATENTUM_TEST_MTAIL") or shutil.which("mtail") or ""
needs_mtail = pytest.mark.skipif(not MTAIL, reason="no mtail on this machine (LATENTUM_TEST_MTAIL names one)")

# Debian 12's leaves out what it has read together with a byte that is no UTF-8 (docs/guides/metrics.md).
VERSION = subprocess.run([MTAIL, "--version"], capture_output=True, text=True, check=False).stdout if MTAIL else ""
READS_ONLY_UTF8 = bool(re.search(r"3\.0\.0[~-]rc([1-4]\d|5[01])\b", VERSION))


OWN = ("chosen", "units", "others", "masks", "purge", "checks", "activate", "addresses", "preflight", "kept_packages", "database_programs")


def render(variants: dict[str, dict[str, Any]], ansible: AnsibleRuns, folder: Path) -> dict[str, Rendered]:
    """What the role makes of each set of variables."""
    own = {part: f"__exporters_{part}" for part in OWN}
    return rendering.render(Rendered, ROLE, "__exporters_files", own, variants, ansible, folder)
