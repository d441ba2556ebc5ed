# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The units of role monitoring: what they start, what they may, and that nothing of the packages ever runs beside them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from .rendered import ALERTMANAGER, FOLDER, PROMETHEUS, REPORT, ROLE, SECRETS, Rendered, needs_programs, old_alertmanager

ANALYZE = shutil.which("systemd-analyze") or ""


def test_off_leaves_nothing(rendered: Mapping[str, Rendered]) -> None:
    off = rendered["off"]
    assert off.files == {} and off.variables["checks"] == [] == off.variables["reload"]
    assert not any(off.variables["preflight"].values()) and off.variables["masks"] == []
    purged = {f"{entry['directory']}/{entry['pattern']}" for key in ("purge", "unit_purge") for entry in off.variables[key]}
    assert {f"{FOLDER}/*.yml", f"{FOLDER}/rules/*.yml", f"/etc/systemd/system/{PROMETHEUS}"} <= purged
    assert not [path for path in purged if "rules.d" in path]  # an operator's own


def test_the_packages_own_units_are_masked_before_their_packages_come(rendered: Mapping[str, Rendered]) -> None:
    assert [mask["path"] for mask in rendered["on"].variables["masks"]] == [
        f"/etc/systemd/system/{name}.service" for name in ("prometheus", "prometheus-alertmanager")
    ]
    tasks = yaml.safe_load((ROLE / "tasks/install.yml").read_text())
    order = [key for task in tasks for key in task if key.startswith("latentum.ops.")]
    assert order == ["latentum.ops.config_set", "latentum.ops.packages"]


def test_units_come_before_what_they_reload(rendered: Mapping[str, Rendered]) -> None:
    """A unit that is not there cannot be reloaded, and one that is new has the secrets that a new configuration names."""
    sets = [task["latentum.ops.config_set"]["name"] for task in tasks_of("configure") if "latentum.ops.config_set" in task]
    assert sets == ["monitoring-units", "monitoring"]
    assert rendered["on"].variables["reload"] == [["systemctl", "try-reload-or-restart", PROMETHEUS, ALERTMANAGER]]


def tasks_of(name: str) -> list[dict[str, Any]]:
    """The tasks in a file of the role."""
    tasks: list[dict[str, Any]] = yaml.safe_load((ROLE / f"tasks/{name}.yml").read_text())
    return tasks


def test_secrets_are_handed_over_by_systemd_and_stand_nowhere(rendered: Mapping[str, Rendered]) -> None:
    on = rendered["on"]
    loaded = on.unit(ALERTMANAGER)["LoadCredential"]
    secrets = "/etc/latentum-ops/secrets/shop"
    assert loaded == [f"shop.{name}:{secrets}/{name}" for name in ("chat", "pager", "switch")]
    assert on.unit(ALERTMANAGER)["SetCredential"] == [f"shop.{name}:missing" for name in ("chat", "pager", "switch")]
    assert on.unit(SECRETS[0])["PathChanged"] == [f"{secrets}/{name}" for name in ("chat", "pager", "switch")]
    assert on.variables["running"] == [PROMETHEUS, ALERTMANAGER, SECRETS[0]]
    whole = "\n".join(on.files.values())
    assert "hush" not in whole and "0" * 32 not in whole
    named = set(re.findall(r"/run/credentials/latentum-ops-alertmanager\.service/(\S+)", on.files[f"{FOLDER}/alertmanager.yml"]))
    assert named == {line.partition(":")[0] for line in loaded}


def test_without_secrets_nobody_watches_them(rendered: Mapping[str, Rendered]) -> None:
    nothing = rendered["nothing declared"]
    assert nothing.variables["running"] == [PROMETHEUS, ALERTMANAGER]
    assert not [path for path in nothing.files if "secrets" in path] and "LoadCredential" not in nothing.unit(ALERTMANAGER)


def test_the_report_is_mailed_by_a_timer_that_is_there_only_where_somebody_wants_it(rendered: Mapping[str, Rendered]) -> None:
    monthly = rendered["monthly"]
    assert {f"/etc/systemd/system/{unit}" for unit in REPORT} <= set(monthly.files) and REPORT[0] in monthly.variables["running"]
    assert monthly.unit(REPORT[0])["OnCalendar"] == ["*-*-01 06:00:00 UTC"] and monthly.unit(REPORT[0])["Persistent"] == ["yes"]
    assert monthly.unit(REPORT[1])["ExecStart"] == ["/usr/local/sbin/opsctl report --mail"]
    # @privileged has @chown in it, and without that nothing could be noted, so that nothing would be sent.
    assert monthly.unit(REPORT[1])["SystemCallFilter"] == ["@system-service", "~@privileged @resources", "@chown"]
    # The part that it shares with daemons says always, which a unit that ends by itself must not.
    assert monthly.unit(REPORT[1])["Restart"][-1] == "on-failure"
    assert json.loads(monthly.files[f"{FOLDER}/report.json"])["prices"]["host_month"] == 49.9
    for variant in ("on", "nothing declared", "one of several"):
        assert not [path for path in rendered[variant].files if "ops-report" in path]
        assert REPORT[0] not in rendered[variant].variables["running"]
        assert REPORT[0] in rendered[variant].variables["service_units"]  # so that it is ended where it is not wanted any more
    off = rendered["off"].variables
    purged = {f"{entry['directory']}/{entry['pattern']}" for key in ("purge", "unit_purge") for entry in off[key]}
    assert {"/etc/systemd/system/latentum-ops-report.*", f"{FOLDER}/report.json"} <= purged


@pytest.mark.skipif(not ANALYZE, reason="no systemd-analyze here")
def test_systemd_reads_the_units_of_the_report(rendered: Mapping[str, Rendered], tmp_path: Path) -> None:
    for unit in REPORT:
        text = rendered["monthly"].files[f"/etc/systemd/system/{unit}"].replace("/usr/local/sbin/opsctl", "/usr/bin/true")
        (tmp_path / unit).write_text(text)
    judged = subprocess.run([ANALYZE, "verify", *(str(tmp_path / unit) for unit in REPORT)], capture_output=True, text=True, check=False)
    assert "latentum-ops-report" not in judged.stderr, judged.stderr


def test_everything_listens_on_loopback_only(rendered: Mapping[str, Rendered]) -> None:
    on = rendered["on"]
    assert "--web.listen-address=127.0.0.1:9090" in on.command(PROMETHEUS)
    command = on.command(ALERTMANAGER)
    assert "--web.listen-address=127.0.0.1:9093" in command and "--cluster.listen-address=" in command
    assert "--web.listen-address=127.0.0.1:9091" in rendered["elsewhere"].command(PROMETHEUS)
    for unit in (PROMETHEUS, ALERTMANAGER):
        (user,) = on.unit(unit)["User"]
        assert f"u {user} " in on.files["/etc/sysusers.d/latentum-ops-monitoring.conf"]


def test_prometheus_reaches_beyond_loopback_only_where_somebody_is_asked_there(rendered: Mapping[str, Rendered]) -> None:
    assert rendered["on"].unit(PROMETHEUS)["IPAddressDeny"] == ["any"]
    assert "IPAddressDeny" not in rendered["elsewhere"].unit(PROMETHEUS)


def test_who_is_asked_is_what_runs_on_the_host(rendered: Mapping[str, Rendered]) -> None:
    def asked(variant: str) -> dict[str, str]:
        document = yaml.safe_load(rendered[variant].files[f"{FOLDER}/prometheus.yml"])
        return {job["job_name"]: job["static_configs"][0]["targets"][0] for job in document["scrape_configs"]}

    own = {"prometheus": "127.0.0.1:9090", "alertmanager": "127.0.0.1:9093"}
    watchdog = {"watchdog": "127.0.0.1:9753", "containers": "127.0.0.1:9753"}
    exporters = {"node": "127.0.0.1:9100", "requests": "127.0.0.1:3903", "nginx": "127.0.0.1:9113"}
    assert asked("on") == {**exporters, **watchdog, **own}
    assert asked("nothing declared") == own
    assert asked("elsewhere") == {
        "node": "127.0.0.1:9101",
        "requests": "127.0.0.1:3903",
        "blackbox": "127.0.0.1:9115",
        "watchdog": "127.0.0.1:9753",
        "prometheus": "127.0.0.1:9091",
        "alertmanager": "127.0.0.1:9093",
        "shop": "10.0.0.7:8080",
    }
    document = yaml.safe_load(rendered["on"].files[f"{FOLDER}/prometheus.yml"])
    assert document["global"] == {"scrape_interval": "10s", "evaluation_interval": "10s"}
    assert {job["static_configs"][0]["labels"]["instance"] for job in document["scrape_configs"]} == {"web1"}
    (containers,) = [job for job in document["scrape_configs"] if job["job_name"] == "containers"]
    assert containers["metrics_path"] == "/metrics/containers"


def test_a_host_has_the_rules_of_all_its_stacks_whichever_a_run_works_on(rendered: Mapping[str, Rendered]) -> None:
    files = {path.removeprefix(f"{FOLDER}/rules/") for path in rendered["one of several"].files if path.startswith(f"{FOLDER}/rules/")}
    assert files == {"host.yml", "stack-shop.yml", "slo-shop.yml", "stack-blog.yml"}
    receivers = yaml.safe_load(rendered["one of several"].files[f"{FOLDER}/alertmanager.yml"])["receivers"]
    assert {"shop/chat", "blog/chat"} <= {receiver["name"] for receiver in receivers}


def test_what_cannot_be_told_is_named(rendered: Mapping[str, Rendered]) -> None:
    (line,) = rendered["on"].untold
    assert line.startswith("shop: watchdog.alerts.push: ") and "apprise" in line


def test_braces_of_prometheus_are_not_ansibles(rendered: Mapping[str, Rendered]) -> None:
    assert "{{ $labels.service }} is down" in rendered["on"].files[f"{FOLDER}/rules/stack-shop.yml"]


@needs_programs
@pytest.mark.parametrize("variant", ["on", "debian 12", "nothing declared", "one of several", "elsewhere"])
def test_the_programs_themselves_check_what_is_written(rendered: Mapping[str, Rendered], variant: str, tmp_path: Path) -> None:
    folder = rendered[variant].written(tmp_path)
    checks = [[word.replace(FOLDER, str(folder)) for word in check] for check in rendered[variant].variables["checks"]]
    assert [check[0] for check in checks] == ["promtool", "amtool"]
    for check in checks:
        if variant != "debian 12" and check[0] == "amtool" and old_alertmanager() and "switch" in str(rendered[variant].files):
            continue  # url_file of a webhook is known from 0.26 on
        done = subprocess.run(check, capture_output=True, text=True, check=False, timeout=240)
        assert done.returncode == 0 and "FAILED" not in done.stdout + done.stderr, done.stdout + done.stderr
    (folder / "rules/host.yml").write_text("groups: [{name: x, rules: [{alert: X, expr: '1 +'}]}]")
    (folder / "alertmanager.yml").write_text("route: {receiver: nobody}")
    for check in checks:
        assert subprocess.run(check, capture_output=True, check=False, timeout=240).returncode != 0, check


@pytest.mark.skipif(not ANALYZE, reason="no systemd-analyze here")
@pytest.mark.parametrize(("unit", "variant"), [(PROMETHEUS, "on"), (ALERTMANAGER, "on"), (REPORT[1], "monthly")])
def test_a_unit_is_sandboxed(rendered: Mapping[str, Rendered], unit: str, variant: str, tmp_path: Path) -> None:
    """At most 3.0, of 10, by systemd's own judgement."""
    path = tmp_path / unit
    path.write_text(rendered[variant].files[f"/etc/systemd/system/{unit}"])
    judged = subprocess.run(
        [ANALYZE, "security", "--offline=true", "--no-pager", "--threshold=30", str(path)], capture_output=True, text=True, check=False
    )
    assert "Unknown" not in judged.stderr and "ignoring" not in judged.stderr, judged.stderr
    assert judged.returncode == 0, judged.stdout[-600:] + judged.stderr
