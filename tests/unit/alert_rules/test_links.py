# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Alerts lead to the dashboard on which they are seen, with what they are about chosen; Prometheus fills it in."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.latentum.ops.plugins.module_utils.alert_rules.files import host_file, stack_file
from ansible_collections.latentum.ops.plugins.module_utils.alert_rules.links import dashboard_link
from ansible_collections.latentum.ops.plugins.module_utils.contracts.monitoring import HostLimits
from ansible_collections.latentum.ops.plugins.module_utils.contracts.objectives import Objective
from ansible_collections.latentum.ops.plugins.module_utils.monitoring.setup import FOLDER, setup

from .test_firing import PROMTOOL, SHOP, needs_promtool

GRAFANA = "https://grafana.example.com"


def alerts(text: str) -> list[dict[str, Any]]:
    """The alert rules of a file."""
    return [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"] if "alert" in rule]


@pytest.mark.parametrize(
    ("alert", "page"),
    [
        ("ServiceDown", "/d/latentum-service?var-stack={{ $labels.stack | urlquery }}&var-service={{ $labels.service | urlquery }}"),
        ("DiskFullSoon", "/d/latentum-host?var-instance={{ $labels.instance | urlquery }}"),
        ("SLOFastBurn", "/d/latentum-objectives?var-stack={{ $labels.stack | urlquery }}&var-slo={{ $labels.slo | urlquery }}"),
        ("CertificateEnds", "/d/latentum-overview"),
    ],
)
def test_an_alert_leads_to_its_dashboard(alert: str, page: str) -> None:
    assert dashboard_link(GRAFANA, alert) == {"dashboard": GRAFANA + page} == dashboard_link(f"{GRAFANA}/", alert)


def test_without_grafana_nothing_leads_anywhere() -> None:
    assert "dashboard" not in stack_file(SHOP) + host_file(HostLimits())
    assert dashboard_link(GRAFANA, "WatchdogIncident") == {}  # which nobody is told


def test_all_that_people_are_told_leads_to_one_and_only_names_labels_that_it_has() -> None:
    objective = Objective("shop", "web", "route", "shop.example.com/", "availability", 99.9, service="web")
    stack = {**SHOP.to_dict(), "objectives": [objective.to_dict()]}
    made = setup([stack], {"host": "web1", "dashboards": GRAFANA})
    found = [rule for path, text in made.files.items() if path.startswith(f"{FOLDER}/rules/") for rule in alerts(text)]
    told = [rule for rule in found if rule["labels"].get("reaction")]
    assert len(told) > 20
    for rule in told:
        address = rule["annotations"]["dashboard"]
        assert address.startswith(f"{GRAFANA}/d/latentum-"), rule["alert"]
        for label in re.findall(r"\$labels\.(\w+)", address):
            # Its own, one by which it is summed, or one that all series of a host have.
            assert label in rule["labels"] or label == "instance" or label in rule["expr"] or label in ("stack", "service"), (
                rule["alert"],
                label,
            )


@needs_promtool
def test_prometheus_fills_it_in_and_escapes_it(tmp_path: Path) -> None:
    """A name with a space or an ampersand would end the address, or choose something else."""
    rules = tmp_path / "host.yml"
    rules.write_text(host_file(HostLimits(), "", GRAFANA))
    series = {f'{name}{{instance="web 1&2"}}': value for name, value in
              (("node_memory_MemAvailable_bytes", "1x20"), ("node_memory_MemTotal_bytes", "100x20"))}  # fmt: skip
    (rule,) = [rule for rule in alerts(rules.read_text()) if rule["alert"] == "HostMemoryHigh"]
    expected = {
        "exp_labels": {**rule["labels"], "instance": "web 1&2"},
        "exp_annotations": {
            **rule["annotations"],
            "summary": "web 1&2 uses 99% of its memory",
            "dashboard": f"{GRAFANA}/d/latentum-host?var-instance=web+1%262",
        },
    }
    case = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "alert_rule_test": [{"eval_time": "10m", "alertname": "HostMemoryHigh", "exp_alerts": [expected]}],
    }
    (tmp_path / "case.yml").write_text(yaml.safe_dump({"rule_files": [str(rules)], "evaluation_interval": "1m", "tests": [case]}))
    done = subprocess.run([str(PROMTOOL), "test", "rules", str(tmp_path / "case.yml")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
