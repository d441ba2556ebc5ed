# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objectives by VictoriaMetrics: an outage, as vmalert evaluates all rules over it, pages as soon and ends as soon as by Prometheus."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from datetime import datetime, timezone
from pathlib import Path

import pytest
import yaml
from ansible_collections.latentum.ops.plugins.module_utils.slo.rules import rule_file

from ..victoriametrics import labels_of, needs_storage, numbers, storage
from .judge import objective, requests
from .test_alerts import BAD, GOOD

pytestmark = [needs_storage, pytest.mark.skipif(shutil.which("vmalert") is None, reason="no vmalert here: tests/tools/unit.sh provides it")]
MINUTE, HOUR = 60, 3600
BEGIN = (time.time() // 86400 - 2) * 86400


def moment(at: float) -> str:
    """As vmalert has it."""
    return datetime.fromtimestamp(at, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_a_total_outage_pages_within_two_minutes_and_ends_soon_after_it(tmp_path: Path) -> None:
    """Recording rules feed each other and the alerts: each is evaluated once the one before has been written."""
    group, _days = yaml.safe_load(rule_file("shop", [objective()]))["groups"]
    # What an outage of minutes needs of it, without annotations: a replay has no `query` in templates.
    wanted = re.compile(r"slo:(?:events|failed_events|error_ratio):(?:5m|1h)|SLOFastBurn")
    group["rules"] = [rule for rule in group["rules"] if wanted.fullmatch(rule.get("record", "") or rule.get("alert", ""))]
    for rule in group["rules"]:
        rule.pop("annotations", None)
    assert len(group["rules"]) == 7
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [group]}))
    with storage(tmp_path / "data", "-retentionPeriod=1y") as running:
        running.write(
            (labels_of(name), tuple(numbers(values, BEGIN, 15))) for name, values in ((requests("200"), GOOD), (requests("502"), BAD))
        )
        running.seen()
        here = f"http://{running.address}"
        argv = ["vmalert", f"-rule={tmp_path}/rules.yml", f"-datasource.url={here}", f"-remoteWrite.url={here}", "-disableAlertgroupLabel",
                f"-replay.timeFrom={moment(BEGIN)}", f"-replay.timeTo={moment(BEGIN + 3 * HOUR)}", "-replay.rulesDelay=5s",
                "-datasource.queryStep=30s", "-remoteWrite.flushInterval=200ms", "-replay.disableProgressBar",
                "-loggerLevel=ERROR"]  # fmt: skip
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=480)
        assert done.returncode == 0 and not done.stderr.strip(), done.stdout + done.stderr
        running.seen()

        def firing(after: float, alert: str = ".+") -> set[str]:
            query = f'ALERTS{{alertname=~"{alert}",alertstate="firing"}}'
            return {result["metric"]["alertname"] for result in running.query(query, BEGIN + after, step="30s")}

        def ratio(window: str, after: float) -> float:
            (result,) = running.query(f"slo:error_ratio:{window}", BEGIN + after)
            return float(result["value"][1])

        assert firing(2 * HOUR) == set()
        assert firing(2 * HOUR + 150) >= {"SLOFastBurn"}
        assert firing(2 * HOUR + 20 * MINUTE) >= {"SLOFastBurn"} and firing(2 * HOUR + 55 * MINUTE, "SLOFastBurn") == set()
        assert ratio("5m", HOUR) == 0 and ratio("5m", 2 * HOUR + 10 * MINUTE) == pytest.approx(1, abs=0.01)
        # Ten bad minutes of the last hour.
        assert ratio("1h", 2 * HOUR + 10 * MINUTE) == pytest.approx(1 / 6, rel=0.02)
