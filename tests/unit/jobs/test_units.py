# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Units of jobs: what is in them, and that a host has those that are declared and no others."""

from __future__ import annotations

import json
import os
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.job_settings import Job, JobSettings
from ansible_collections.latentum.ops.plugins.module_utils.core import paths
from ansible_collections.latentum.ops.plugins.module_utils.eject import job_units
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig import revert_timer
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.transaction import ConfigSetError
from ansible_collections.latentum.ops.plugins.module_utils.jobs import overview, state, units
from ansible_collections.latentum.ops.plugins.module_utils.jobs import settings as job_settings

TRAIN = Job("train", "modeling", ("python", "-m", "train"), "*-*-* 23:00:00 UTC", jitter=600, timeout=7200, retries=2, retry_delay=300)
SEED = Job("seed", "modeling", once="before_first_start")
# As far as units are asked for here: what is enabled and started is kept in files.
SYSTEMCTL = """#!/bin/sh
echo "$@" >> "$CALLS"
case "$1" in
show)
    properties=$2; shift 3
    for unit in "$@"; do
        load=not-found; active=inactive; file=
        [ -e "$UNITS/$unit" ] && load=loaded && file=disabled
        [ -e "$STATE/$unit.enabled" ] && file=enabled
        [ -e "$STATE/$unit.active" ] && active=active
        printf 'Id=%s\\nLoadState=%s\\nActiveState=%s\\nUnitFileState=%s\\n' "$unit" "$load" "$active" "$file"
        printf 'LastTriggerUSec=%s\\nNextElapseUSecRealtime=%s\\n\\n' "$LAST" "Sun 2026-11-29 23:00:00 UTC"
    done;;
enable) touch "$STATE/$3.enabled";;
disable) rm -f "$STATE/$3.enabled";;
start | restart) touch "$STATE/$3.active";;
stop) rm -f "$STATE/$3.active";;
esac
"""
ANALYZE = """#!/bin/sh
case "$2" in *Nowhere*) echo "Failed to parse calendar specification" >&2; exit 1;; esac
"""


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("units", "state", "bin", "etc"):
        (tmp_path / name).mkdir()
    for program, text in (("systemctl", SYSTEMCTL), ("systemd-analyze", ANALYZE)):
        (tmp_path / "bin" / program).write_text(text)
        (tmp_path / "bin" / program).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    for name, value in (("CALLS", "calls"), ("UNITS", "units"), ("STATE", "state")):
        monkeypatch.setenv(name, str(tmp_path / value))
    monkeypatch.setenv("LAST", "Sat 2026-11-28 23:04:11 UTC")
    monkeypatch.setattr(units, "UNITS", tmp_path / "units")
    monkeypatch.setattr(job_settings, "FOLDER", tmp_path / "etc/jobs")
    monkeypatch.setattr(units, "FOLDER", tmp_path / "etc/jobs")
    monkeypatch.setattr(revert_timer, "FOLDER", tmp_path / "revert")
    monkeypatch.setattr(paths, "JOBS", tmp_path / "jobs")
    return tmp_path / "calls"


def jobs(*given: Job, stack: str = "shop", **more: Any) -> JobSettings:
    return JobSettings(stack, f"/opt/{stack}", given, **{"host": "app1", "leader": "app1", **more})


def there() -> list[str]:
    return sorted(path.name for path in units.UNITS.iterdir())


def test_a_scheduled_job_has_a_unit_and_a_timer_that_makes_good(calls: Path) -> None:
    service, timer = units.service_text("shop", TRAIN), units.timer_text("shop", TRAIN)
    assert "OnCalendar=*-*-* 23:00:00 UTC\n" in timer and "RandomizedDelaySec=600\n" in timer and "Persistent=yes\n" in timer
    assert "ExecStart=/usr/local/sbin/opsctl jobs execute --stack shop train\n" in service
    assert "Type=oneshot" in service and "NoNewPrivileges=yes" in service and "ProtectSystem=strict" in service
    limit = int(service.partition("TimeoutStartSec=")[2].partition("\n")[0])
    assert limit > 3 * 7200 + 2 * 300, "the engine enforces the timeout; systemd comes after all attempts"


def test_only_a_job_that_deploys_may_write_what_a_rollout_writes() -> None:
    runs, deploys = units.service_text("shop", TRAIN), units.service_text("shop", replace(TRAIN, deploys=("market",)))
    assert "\nCapabilityBoundingSet=CAP_CHOWN CAP_DAC_OVERRIDE\n" in runs, "what it has done has the group of the watchdog"
    assert [line for line in runs.splitlines() if line.startswith("ReadWritePaths")] == ["ReadWritePaths=/run /var/lib/latentum-ops"]
    assert "\nReadWritePaths=-/etc/nginx -/etc/latentum-ops\n" in deploys
    for given in ("ProtectControlGroups=no", "CAP_NET_BIND_SERVICE", "CAP_FSETID"):
        assert given in deploys and given not in runs


@pytest.mark.skipif(not Path("/usr/bin/systemd-analyze").exists(), reason="systemd is not here")
def test_systemd_itself_takes_the_units(tmp_path: Path) -> None:
    for suffix, text in (("service", units.service_text("shop", TRAIN)), ("timer", units.timer_text("shop", TRAIN))):
        (tmp_path / f"latentum-ops-job-shop-train.{suffix}").write_text(text.replace("/usr/local/sbin/opsctl", "/bin/true"))
    plain = job_units.units(jobs(TRAIN), tmp_path)
    for name, text in plain.items():
        (tmp_path / name).write_text(text.replace("/usr/bin/docker compose", "/bin/true").replace("/usr/bin/docker", "/bin/true"))
    files = sorted(map(str, tmp_path.glob("*.service"))) + sorted(map(str, tmp_path.glob("*.timer")))
    done = subprocess.run(["/usr/bin/systemd-analyze", "verify", "--man=no", *files], capture_output=True, text=True, check=False)
    mine = [line for line in done.stderr.splitlines() if "job-" in line and "docker.service" not in line]
    assert mine == [], done.stderr


def test_what_is_declared_is_there_and_a_second_run_changes_nothing(calls: Path) -> None:
    first = units.bring(jobs(TRAIN, SEED))
    assert there() == ["latentum-ops-job-shop-seed.service", "latentum-ops-job-shop-train.service", "latentum-ops-job-shop-train.timer"]
    assert [str(step) for step in first.steps] == ["enable latentum-ops-job-shop-train.timer", "start latentum-ops-job-shop-train.timer"]
    assert json.loads(job_settings.file_of("shop").read_text())["jobs"][0]["name"] == "train"
    assert not units.bring(jobs(TRAIN, SEED)).changed


def test_check_mode_changes_nothing(calls: Path) -> None:
    outcome = units.bring(jobs(TRAIN), check_mode=True)
    assert outcome.changed and there() == [] and not job_settings.file_of("shop").exists()


def test_a_job_that_is_gone_takes_its_units_along_and_no_others(calls: Path) -> None:
    units.bring(jobs(TRAIN, SEED))
    units.bring(jobs(Job("train", "x", schedule="daily UTC"), stack="shop-eu"))
    units.bring(jobs(SEED))
    assert there() == [
        "latentum-ops-job-shop-eu-train.service",
        "latentum-ops-job-shop-eu-train.timer",
        "latentum-ops-job-shop-seed.service",
    ]
    said = calls.read_text()
    assert "stop -- latentum-ops-job-shop-train.timer" in said and "disable -- latentum-ops-job-shop-train.timer" in said
    assert "stop -- latentum-ops-job-shop-eu" not in said
    units.bring(jobs())
    assert there() == ["latentum-ops-job-shop-eu-train.service", "latentum-ops-job-shop-eu-train.timer"]
    assert not job_settings.file_of("shop").exists() and job_settings.file_of("shop-eu").exists()


def test_another_time_restarts_the_timer(calls: Path) -> None:
    units.bring(jobs(TRAIN))
    later = Job("train", "modeling", schedule="*-*-* 05:00:00 UTC")
    assert [str(step) for step in units.bring(jobs(later)).steps] == ["restart latentum-ops-job-shop-train.timer"]


def test_the_first_start_of_a_timer_is_no_run_that_was_missed(calls: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the next boot systemd tells it as when the timer last elapsed."""
    began = time.time()
    units.bring(jobs(TRAIN))
    armed = state.load("shop", "train").armed
    assert began <= armed <= time.time()
    for last, missed in ((armed - 1, False), (armed + 3600, True)):
        monkeypatch.setattr(
            units, "known_times", lambda *_names, last=last: {"train": {"last": last, "next": armed + 86400, "active": 1.0}}
        )
        (train,) = overview.of_stack("shop")
        assert bool(train.trouble(armed + 7200)) is missed
    units.bring(jobs(TRAIN))
    assert state.load("shop", "train").armed == armed, "a second run starts nothing"


def test_one_host_of_several_has_the_units_and_all_have_the_settings(calls: Path) -> None:
    units.bring(jobs(TRAIN, leader="app2"))
    assert there() == [] and job_settings.file_of("shop").exists()
    units.bring(jobs(TRAIN, leader="app1"))
    assert len(there()) == 2


def test_switched_off_timers_stand_still(calls: Path) -> None:
    units.bring(jobs(TRAIN))
    assert [str(step) for step in units.bring(jobs(TRAIN), enabled=False).steps] == [
        "disable latentum-ops-job-shop-train.timer",
        "stop latentum-ops-job-shop-train.timer",
    ]


def test_a_schedule_that_systemd_refuses_changes_nothing(calls: Path) -> None:
    units.bring(jobs(TRAIN))
    with pytest.raises(ConfigSetError):
        units.bring(jobs(Job("train", "modeling", schedule="*-*-* 23:00:00 Nowhere/Land")))
    assert "23:00:00 UTC" in (units.UNITS / "latentum-ops-job-shop-train.timer").read_text()


def test_times_of_timers_are_read_in_utc(calls: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert units.times("shop", ["train"]) == {"train": {"last": 1795907051.0, "next": 1795993200.0, "active": 0.0}}
    monkeypatch.setenv("LAST", "n/a")
    assert units.times("shop", ["train"])["train"]["last"] == 0.0
    assert units.times("shop", []) == {}


def test_ejected_jobs_run_by_compose_alone() -> None:
    odd = Job("train", "modeling", ("sh", "-c", 'echo "50%" $HOME'), "daily UTC", environment={"A": "x y"}, catch_up=False, timeout=60)
    files = job_units.units(jobs(odd, SEED), Path("/opt/shop"))
    assert sorted(files) == ["shop-job-train.service", "shop-job-train.timer"], "what runs once has been done"
    line = next(line for line in files["shop-job-train.service"].splitlines() if line.startswith("ExecStart="))
    assert '"--env" "A=x y" "modeling" "sh" "-c" "echo \\"50%%\\" $$HOME"' in line and '"--name=shop-job-train"' in line
    assert "TimeoutStartSec=60\n" in files["shop-job-train.service"] and "Persistent=no\n" in files["shop-job-train.timer"]
