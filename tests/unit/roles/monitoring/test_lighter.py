# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VictoriaMetrics, vmagent and vmalert in place of Prometheus: the same targets, rules, receivers and address, in units of their own."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from .rendered import AGENT, ALERTMANAGER, FOLDER, LIGHTER, PROMETHEUS, RULER, STORAGE, Rendered, needs_victoriametrics
from .test_units import ANALYZE, tasks_of

OWN_JOBS = {"prometheus", "victoria-metrics", "vmagent", "vmalert"}


def test_either_back_end_has_the_same_files_but_for_who_reads_them(rendered: Mapping[str, Rendered]) -> None:
    usual, lighter = ({path: text for path, text in rendered[name].files.items() if path.startswith(FOLDER)} for name in ("on", "lighter"))
    different = {path for path in {*usual, *lighter} if usual.get(path) != lighter.get(path)}
    assert different == {f"{FOLDER}/{name}" for name in ("prometheus.yml", "vmagent.yml", "rules/host.yml")}
    groups = [{group["name"]: group for group in yaml.safe_load(files[f"{FOLDER}/rules/host.yml"])["groups"]} for files in (usual, lighter)]
    assert {name for name in groups[0] if groups[0][name] != groups[1][name]} == {"alerts/host/monitoring"}
    asked = [yaml.safe_load(usual[f"{FOLDER}/prometheus.yml"]), yaml.safe_load(lighter[f"{FOLDER}/vmagent.yml"])]
    others = [[job for job in document["scrape_configs"] if job["job_name"] not in OWN_JOBS] for document in asked]
    assert others[0] == others[1] and len(others[0]) > 4
    assert asked[0]["global"]["scrape_interval"] == asked[1]["global"]["scrape_interval"]
    own = {job["job_name"]: job["static_configs"][0]["targets"][0] for job in asked[1]["scrape_configs"] if job["job_name"] in OWN_JOBS}
    assert own == {"victoria-metrics": "127.0.0.1:9090", "vmagent": "127.0.0.1:8429", "vmalert": "127.0.0.1:8880"}


def test_the_other_one_ends_and_its_files_go_and_its_numbers_stay(rendered: Mapping[str, Rendered]) -> None:
    for chosen, gone in (("on", set(LIGHTER)), ("lighter", {PROMETHEUS})):
        variables = rendered[chosen].variables
        assert gone <= set(variables["service_units"]) - set(variables["running"])
        assert not [path for path in rendered[chosen].files if Path(path).name in gone]
        assert {"/etc/systemd/system/latentum-ops-prometheus.service", "/etc/systemd/system/latentum-ops-vm*.service"} <= {
            f"{entry['directory']}/{entry['pattern']}" for entry in variables["unit_purge"]
        }
    assert "/var/lib" not in str([rendered[name].variables["unit_purge"] + rendered[name].variables["purge"] for name in rendered])
    states = [rendered[name].unit(unit)["StateDirectory"] for name, unit in (("on", PROMETHEUS), ("lighter", STORAGE), ("lighter", AGENT))]
    assert states == [["latentum-ops-prometheus"], ["latentum-ops-victoriametrics"], ["latentum-ops-vmagent"]]
    # The other one ends before units are written and anything starts, since both have one port.
    names = [task["name"] for task in tasks_of("configure")]
    assert names.index(next(name for name in names if "other back end" in name)) < names.index(
        next(name for name in names if name.startswith("Configure | Units"))
    )


def test_the_port_of_the_one_that_ends_is_not_taken(rendered: Mapping[str, Rendered]) -> None:
    replaced = {name: rendered[name].variables["preflight"]["programs"][0]["replaces"] for name in ("on", "lighter")}
    assert replaced == {"on": [STORAGE], "lighter": [PROMETHEUS]}


def test_what_is_installed(rendered: Mapping[str, Rendered]) -> None:
    lighter = rendered["lighter"].variables
    assert lighter["packages"] == ["victoria-metrics", "prometheus-alertmanager"]
    assert [Path(mask["path"]).name for mask in lighter["masks"]] == ["victoria-metrics.service", "prometheus-alertmanager.service"]
    elsewhere = rendered["lighter, from elsewhere"]
    assert elsewhere.variables["packages"] == ["prometheus-alertmanager"] and len(elsewhere.variables["archives"]) == 2
    program = elsewhere.command(STORAGE)[0]
    assert program.startswith("/usr/lib/latentum-ops/victoriametrics/") and program.endswith("/victoria-metrics-prod")
    assert rendered["on"].variables["archives"] == [] == rendered["off"].variables["archives"]


def test_everything_listens_on_loopback_only_and_only_vmagent_goes_out(rendered: Mapping[str, Rendered]) -> None:
    lighter, outside = rendered["lighter"], rendered["lighter, and asks elsewhere"]
    for unit, address in ((STORAGE, "127.0.0.1:9090"), (AGENT, "127.0.0.1:8429"), (RULER, "127.0.0.1:8880")):
        assert f"-httpListenAddr={address}" in lighter.command(unit)
        (user,) = lighter.unit(unit)["User"]
        assert f"u {user} " in lighter.files["/etc/sysusers.d/latentum-ops-monitoring.conf"]
        assert lighter.unit(unit)["IPAddressDeny"] == ["any"]
    assert [unit for unit in LIGHTER if "IPAddressDeny" not in outside.unit(unit)] == [AGENT]


def test_numbers_are_kept_for_as_long_and_memory_is_limited(rendered: Mapping[str, Rendered]) -> None:
    command = rendered["lighter"].command(STORAGE)
    assert {"-retentionPeriod=35d", "-storage.minFreeDiskSpaceBytes=2GB", f"-memory.allowedBytes={int(2**30 * 0.6)}"} <= set(command)
    assert rendered["lighter"].unit(STORAGE)["MemoryMax"] == ["1G"]
    assert not [word for word in rendered["lighter, and asks elsewhere"].command(STORAGE) if "allowedBytes" in word]
    assert "-evaluationInterval=10s" in rendered["lighter"].command(RULER)


def test_what_reads_files_again_is_reloaded_and_what_cannot_is_left_alone(rendered: Mapping[str, Rendered]) -> None:
    assert rendered["lighter"].variables["reload"] == [["systemctl", "try-reload-or-restart", AGENT, RULER, ALERTMANAGER]]
    assert all("ExecReload" in rendered["lighter"].unit(unit) for unit in (AGENT, RULER, ALERTMANAGER))


@needs_victoriametrics
@pytest.mark.parametrize("variant", ["lighter", "lighter, told", "lighter, and asks elsewhere"])
def test_the_programs_themselves_check_what_is_written(rendered: Mapping[str, Rendered], variant: str, tmp_path: Path) -> None:
    folder = rendered[variant].written(tmp_path)
    checks = [
        [Path(check[0]).name, *(word.replace(FOLDER, str(folder)) for word in check[1:])]
        for check in rendered[variant].variables["checks"][:2]
    ]
    assert [check[0] for check in checks] == ["vmagent", "vmalert"]
    for check in checks:
        done = subprocess.run(check, capture_output=True, text=True, check=False, timeout=240)
        assert done.returncode == 0, done.stdout + done.stderr
    (folder / "rules/host.yml").write_text("groups: [{name: x, rules: [{alert: X, expr: '1 + (up'}]}]")
    (folder / "vmagent.yml").write_text("scrape_config: []")
    for check in checks:
        assert subprocess.run(check, capture_output=True, check=False, timeout=240).returncode != 0, check


@pytest.mark.skipif(not ANALYZE, reason="no systemd-analyze here")
@pytest.mark.parametrize("unit", LIGHTER)
def test_a_unit_is_sandboxed(rendered: Mapping[str, Rendered], unit: str, tmp_path: Path) -> None:
    path = tmp_path / unit
    path.write_text(rendered["lighter"].files[f"/etc/systemd/system/{unit}"])
    argv = [ANALYZE, "security", "--offline=true", "--no-pager", "--threshold=30", str(path)]
    judged = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert "Unknown" not in judged.stderr and "ignoring" not in judged.stderr, judged.stderr
    assert judged.returncode == 0, judged.stdout[-600:] + judged.stderr
