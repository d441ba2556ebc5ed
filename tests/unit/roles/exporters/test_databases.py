# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exporters of databases, as role exporters brings them: one template a kind, nothing of the packages, no secret in any file."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from ansible_runs import AnsibleRuns

from ..plays import refused
from .rendered import MEASURED, ON, ROLE, Rendered
from .test_units import ANALYZE, PLACES, UNITS

KINDS = {"postgresql": "prometheus-postgres-exporter", "redis": "prometheus-redis-exporter", "pgbouncer": "prometheus-pgbouncer-exporter"}
TEMPLATES = tuple(f"latentum-ops-{kind}-exporter@.service" for kind in KINDS)
STARTS = "latentum-ops-database-exporters.service"
FOLDER = "/etc/latentum-ops/exporters"


def test_declared_databases_bring_their_programs_and_no_others(rendered: Mapping[str, Rendered]) -> None:
    there = rendered["databases"]
    units = {path.rpartition("/")[2] for path in there.files if path.startswith("/etc/systemd/system/")}
    assert units == {*TEMPLATES, STARTS, PLACES, *UNITS[:3]}
    # Who follows the containers starts them: the role only watches for that.
    assert there.variables["units"] == [*UNITS[:3], PLACES] and there.variables["others"] == [UNITS[3]]
    assert set(there.variables["kept_packages"]) >= set(KINDS.values())
    masked = {entry["path"].rpartition("/")[2] for entry in there.variables["masks"]}
    assert masked >= {f"{package}.service" for package in KINDS.values()}
    assert ["systemctl", "restart", "--no-block", STARTS] in there.variables["activate"]
    for variant in ("on", "off"):
        assert not any("database" in path or "@" in path for path in rendered[variant].files)
        assert not any(STARTS in command for command in rendered[variant].variables["activate"])


def test_without_any_other_exporter(rendered: Mapping[str, Rendered]) -> None:
    alone = rendered["databases alone"]
    assert alone.variables["units"] == [PLACES] and ["systemctl", "try-restart"] not in alone.variables["activate"]
    users = alone.files["/etc/sysusers.d/latentum-ops-exporters.conf"]
    assert all(f"u latentum-{kind} -" in users for kind in KINDS) and "latentum-node" not in users


def test_the_preflight_knows_each_port_and_each_unit_of_a_package(rendered: Mapping[str, Rendered]) -> None:
    wanted = {program["address"]: program for program in rendered["databases"].variables["database_programs"]}
    assert {address: (program["theirs"], program["unit"]) for address, program in wanted.items()} == {
        "127.0.0.1:9187": ("prometheus-postgres-exporter.service", "latentum-ops-postgresql-exporter@shop.db.service"),
        "127.0.0.1:9121": ("prometheus-redis-exporter.service", "latentum-ops-redis-exporter@shop.cache.service"),
        "127.0.0.1:9127": ("prometheus-pgbouncer-exporter.service", "latentum-ops-pgbouncer-exporter@shop.pooler.service"),
    }
    shown = rendered["databases"].variables["preflight"]["exporters"]
    assert {program["address"] for program in shown} >= set(wanted)


def test_what_the_engine_and_the_programs_read(rendered: Mapping[str, Rendered]) -> None:
    files = rendered["databases"].files
    assert {item["service"] for item in json.loads(files[f"{FOLDER}/databases/shop.json"])} == {"db", "cache", "pooler"}
    queries = yaml.safe_load(files[f"{FOLDER}/queries/shop.db.yml"])
    assert list(queries) == ["latentum_ops_connections", "latentum_ops_replication", "latentum_ops_query_shop_orders_open"]
    assert '"jobs"' in files[f"{FOLDER}/queries/shop.cache.lua"] and f"{FOLDER}/queries/shop.pooler.yml" not in files
    watched = rendered["databases"].unit(PLACES)["PathChanged"]
    assert watched[0] == "/run/latentum-ops-database-places.json" and watched[1:] == [
        "/etc/latentum-ops/secrets/shop/metrics_password_db",
        "/etc/latentum-ops/secrets/shop/stats_password",
    ]


@pytest.mark.parametrize("unit", TEMPLATES)
def test_a_password_is_handed_over_by_systemd_and_stands_nowhere(rendered: Mapping[str, Rendered], unit: str) -> None:
    settings = rendered["databases"].unit(unit)
    assert settings["LoadCredential"] == ["access:/run/latentum-ops-databases/%i.access"]
    assert "PASS" not in settings["ExecStart"][0] and not any("PASSWORD=" in line for line in settings["Environment"])
    # A file of its own, of which the program is told in a line of its own.
    (begun,) = settings["ExecStartPre"]
    assert begun.endswith('"$$RUNTIME_DIRECTORY/access"\'') and any(
        line.endswith("-exporter/%i/access") for line in settings["Environment"]
    )
    assert settings["User"] == settings["Group"] == [unit.replace("-ops", "").replace("-exporter@.service", "")]
    # Ended with what starts it, where the role is turned off.
    assert settings["PartOf"] == [PLACES] and "WantedBy" not in settings
    assert settings["IPAddressDeny"] == ["any"] and settings["RestrictAddressFamilies"] == ["none", "AF_INET AF_INET6"]


@pytest.mark.skipif(not ANALYZE, reason="no systemd-analyze here")
@pytest.mark.parametrize("unit", TEMPLATES)
def test_a_unit_is_sandboxed_and_read_by_systemd(rendered: Mapping[str, Rendered], unit: str, tmp_path: Path) -> None:
    """At most 3.0, of 10, by systemd's own judgement."""
    path = tmp_path / unit.replace("@", "@shop.db")
    path.write_text(rendered["databases"].files[f"/etc/systemd/system/{unit}"])
    argv = [ANALYZE, "security", "--offline=true", "--no-pager", "--threshold=30", str(path)]
    judged = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert "Unknown" not in judged.stderr and "ignoring" not in judged.stderr, judged.stderr
    assert judged.returncode == 0, judged.stdout[-600:] + judged.stderr


def databases(change: Mapping[str, object], first: str = "postgresql") -> dict[str, object]:
    """One exporter, as somebody writes it into the inventory."""
    return {"exporters_databases": [{"stack": "shop", "service": "db", "kind": first, "exporter_port": 9187, "port": 5432, **change}]}


CASES: dict[str, tuple[dict[str, object], str]] = {
    "declared": ({"ops_stack": MEASURED}, ""),
    "a port of another exporter": (databases({"exporter_port": 9100}), "services.db.metrics.exporter_port=127.0.0.1:9100"),
    "no port for a pooler here": (
        {**databases({}, "pgbouncer"), "ansible_facts": {"distribution": "Debian", "distribution_version": "12.11"}},
        "Of pgbouncer this distribution has no exporter",
    ),
    "a pooler of Debian 13": (
        {**databases({}, "pgbouncer"), "ansible_facts": {"distribution": "Debian", "distribution_version": "13.1"}},
        "",
    ),
    "a pooler of Ubuntu": (
        {**databases({}, "pgbouncer"), "ansible_facts": {"distribution": "Ubuntu", "distribution_version": "24.04"}},
        "Of pgbouncer this distribution",
    ),
}


@pytest.fixture(scope="module")
def said(ansible: AnsibleRuns, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the first task of the role says of each case; nothing where it lets it pass."""
    return refused(ansible, tmp_path_factory.mktemp("refusals"), ROLE, CASES, ON)


@pytest.mark.parametrize("case", CASES)
def test_what_cannot_stand_is_refused(said: dict[str, str], case: str) -> None:
    wanted = CASES[case][1]
    assert bool(said[case]) is bool(wanted) and wanted in said[case], said[case]
