# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers of the log services, as promtool reads them."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.logs import collector
from ansible_collections.latentum.ops.plugins.module_utils.logs.collector import Collector
from ansible_collections.latentum.ops.plugins.module_utils.logs.numbers import LENGTH, publish
from ansible_collections.latentum.ops.plugins.module_utils.logs.settings import Settings

from .docker_logs import Containers

PROMTOOL = shutil.which("promtool") or ""
NAME = "latentum_ops_logs.prom"


def test_a_shorter_text_leaves_nothing_of_a_longer_one(tmp_path: Path) -> None:
    (tmp_path / NAME).touch()
    for number in (10**12, 7):
        publish(str(tmp_path), NAME, {"latentum_ops_logs_records_total": number, "latentum_ops_logs_waiting_bytes": number})
        text = (tmp_path / NAME).read_text()
        assert len(text) == LENGTH and f"latentum_ops_logs_waiting_bytes {number}\n" in text
        assert text.count("latentum_ops_logs_records_total ") == 2


def test_without_a_file_nobody_asks(tmp_path: Path) -> None:
    publish(str(tmp_path), NAME, {"a_total": 1})
    publish("", NAME, {"a_total": 1})
    publish("/nowhere", NAME, {"a_total": 1})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not PROMTOOL, reason="no promtool on this machine")
def test_prometheus_understands_it(tmp_path: Path) -> None:
    (tmp_path / NAME).touch()
    publish(str(tmp_path), NAME, {"latentum_ops_logs_records_total": 1, "latentum_ops_logs_waiting_bytes": 0})
    done = subprocess.run([PROMTOOL, "check", "metrics"], input=(tmp_path / NAME).read_bytes(), capture_output=True, check=False)
    assert b"error" not in done.stderr.lower() and done.returncode in (0, 3), done.stderr


def test_the_collector_counts_records_over_a_restart(tmp_path: Path) -> None:
    for name in ("tree", "state", "containers", "numbers"):
        (tmp_path / name).mkdir()
    (tmp_path / "numbers" / collector.NUMBERS).touch()
    settings = Settings("web1", tmp_path / "tree", tmp_path / "state", str(tmp_path / "containers"))
    settings = replace(settings, mask=False, metrics=str(tmp_path / "numbers"))
    api = Containers(tmp_path / "containers").add("shop", "api")
    for _turn in range(2):
        for _number in range(5):
            api.write("hello")
        again = Collector(settings)
        again.look()
        again.report()
        again.close()
    assert "latentum_ops_logs_records_total 10\n" in (tmp_path / "numbers" / collector.NUMBERS).read_text()
