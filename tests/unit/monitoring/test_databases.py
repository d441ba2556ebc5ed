# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Databases in Prometheus: whom it asks, and what it calls what it gets; by Prometheus itself."""

from __future__ import annotations

import subprocess
from pathlib import Path
from urllib.parse import quote

import pytest
import yaml
from ansible_collections.latentum.ops.plugins.module_utils.contracts.database_exporters import DatabaseExporter, MeasuredKey, MeasuredQuery
from ansible_collections.latentum.ops.plugins.module_utils.contracts.monitoring import FOLDER, MonitoredStack
from ansible_collections.latentum.ops.plugins.module_utils.monitoring.setup import setup

from ..free_ports import free_port
from ..roles.monitoring.programs import answered, numbers, until
from ..roles.monitoring.rendered import needs_programs

SETTINGS = {"host": "web1", "targets": {"node": "127.0.0.1:9100"}}
POSTGRESQL = """\
pg_up 1
pg_settings_max_connections{server="172.18.0.2:5432"} 100
latentum_ops_query_shop_orders_open_value{server="172.18.0.2:5432"} 7
latentum_ops_query_shop_jobs_value{kind="mail",server="172.18.0.2:5432"} 3
latentum_ops_connections_used{server="172.18.0.2:5432"} 4
"""
REDIS = """\
redis_up 1
redis_script_values{filename="/etc/x.lua",key="size;db0;jobs"} 5
redis_script_values{filename="/etc/x.lua",key="value;db3;behind;db0;\\"all\\""} 42.5
redis_script_values{filename="/etc/x.lua",key="size;db12;jobs"} 1
redis_key_size{db="db0",key="of its own"} 2
"""


def exporters(*ports: int) -> list[DatabaseExporter]:
    """Two of the shop, one of the blog."""
    return [
        DatabaseExporter("shop", "db", "postgresql", ports[0], 5432, queries=(MeasuredQuery("shop_orders_open", "SELECT 1", max=5),)),
        DatabaseExporter("shop", "cache", "redis", ports[1], 6379, keys=(MeasuredKey("jobs", max=4),)),
        DatabaseExporter("blog", "db", "postgresql", ports[2], 5432),
    ]


@needs_programs
def test_series_have_the_names_that_are_declared_and_those_of_published_dashboards(tmp_path: Path) -> None:
    with numbers() as first, numbers() as second, numbers() as third:
        first.lines["/metrics"], second.lines["/metrics"], third.lines["/metrics"] = (
            POSTGRESQL.splitlines(),
            REDIS.splitlines(),
            ["pg_up 0"],
        )
        asked = exporters(first.server.server_port, second.server.server_port, third.server.server_port)
        stacks = [MonitoredStack(name, scrape_interval=1).to_dict() for name in ("shop", "blog")]
        made = setup(stacks, {**SETTINGS, "databases": [exporter.to_dict() for exporter in asked]})
        assert made.problems == ()
        (tmp_path / "rules").mkdir()
        for path, content in made.files.items():
            (tmp_path / path.removeprefix(f"{FOLDER}/")).write_text(content)
        checked = subprocess.run(
            ["promtool", "check", "config", str(tmp_path / "prometheus.yml")], capture_output=True, text=True, check=False
        )
        assert checked.returncode == 0, checked.stdout + checked.stderr
        address = f"127.0.0.1:{free_port()}"
        argv = [
            "prometheus",
            f"--config.file={tmp_path}/prometheus.yml",
            f"--storage.tsdb.path={tmp_path}/data",
            f"--web.listen-address={address}",
        ]
        with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:

                def series(query: str) -> list[dict[str, str]]:
                    found = answered(address, f"/api/v1/query?query={quote(query)}") or {}
                    return [{**one["metric"], "value": one["value"][1]} for one in found.get("data", {}).get("result", [])]

                until(lambda: len(series('up{job=~"postgresql|redis"} == 1')) == 3, "a scrape of all three")
                every = {"instance": "web1", "stack": "shop"}
                (orders,) = series("shop_orders_open")
                assert orders == {"__name__": "shop_orders_open", "job": "postgresql", "service": "db", "value": "7", **every}
                assert [(one["kind"], one["value"]) for one in series("shop_jobs")] == [("mail", "3")]
                # The address of a container is another one after each release.
                assert "server" not in series("pg_settings_max_connections")[0] and len(series("latentum_ops_connections_used")) == 1
                assert {(one["stack"], one["value"]) for one in series("pg_up")} == {("shop", "1"), ("blog", "0")}
                sizes = {(one["db"], one["key"], one["value"]) for one in series("redis_key_size")}
                assert sizes == {("db0", "jobs", "5"), ("db12", "jobs", "1"), ("db0", "of its own", "2")}
                (behind,) = series("redis_key_value")
                of_key = {"__name__": "redis_key_value", "db": "db3", "key": 'behind;db0;"all"', "value": "42.5"}
                assert behind == {**of_key, "job": "redis", "service": "cache", **every}
                assert series("redis_script_values") == [] and series('{__name__=~"latentum_ops_query.*"}') == []
            finally:
                process.terminate()


def test_alerts_are_those_of_the_stack_and_of_what_is_measured_here() -> None:
    stacks = [MonitoredStack(name).to_dict() for name in ("shop", "blog", "bare")]
    files = setup(stacks, {**SETTINGS, "databases": [exporter.to_dict() for exporter in exporters(1, 2, 3)]}).files

    def alerts(stack: str) -> set[tuple[str, str]]:
        groups = yaml.safe_load(files[f"{FOLDER}/rules/stack-{stack}.yml"])["groups"]
        return {
            (rule["alert"], rule["labels"]["service"])
            for group in groups
            if group["name"].endswith("/databases")
            for rule in group["rules"]
        }

    assert ("QueueDepth", "cache") in alerts("shop") and ("ReplicationLag", "db") in alerts("blog") and alerts("bare") == set()
    assert not any(service == "cache" for _alert, service in alerts("blog"))
    # Without exporters there is nobody to ask, and nothing that could only be blind.
    without = setup(stacks, SETTINGS).files
    assert (
        "DatabaseExporterFailing" not in without[f"{FOLDER}/rules/stack-shop.yml"]
        and "postgresql" not in without[f"{FOLDER}/prometheus.yml"]
    )


@pytest.mark.parametrize(
    ("settings", "parts"),
    [
        (
            {"databases": [exporters(9100, 1, 2)[0].to_dict()]},
            ("shop.db: services.db.metrics.exporter_port", "monitoring_targets.node, too"),
        ),
        ({"databases": [{"stack": "shop"}]}, ("monitoring_databases", "service", "is missing")),
        (
            {"databases": [exporters(1, 2, 3)[1].to_dict()], "scrapes": [{"job_name": "redis", "static_configs": []}]},
            ("monitoring_scrapes[0].job_name", "redis", "another job"),
        ),
    ],
)
def test_what_cannot_be_is_refused(settings: dict[str, object], parts: tuple[str, ...]) -> None:
    found = setup([], {**SETTINGS, **settings}).problems
    assert len(found) == 1 and all(part in found[0] for part in parts), found
