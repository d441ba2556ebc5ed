# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbook report: one report of hosts that answer, that have no Prometheus, an older engine, or no opsctl at all."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from ansible_collections.latentum.ops.plugins.action.capacity_report import read
from ansible_runs import AnsibleRuns

from ..capacity.samples import report

PLAYBOOK = Path(__file__).parents[3] / "playbooks/report.yml"
ERROR = {"error": {"kind": "failed", "message": "no Prometheus measures this host: set monitoring_enabled: true", "status": 2}}
Run = Callable[..., subprocess.CompletedProcess[str]]


def opsctl(folder: Path, host: str, out: str, *, err: str = "", status: int = 0) -> None:
    """An opsctl of a host, which notes how it was asked."""
    place = folder / host
    place.mkdir()
    (place / "out").write_text(out)
    program = place / "opsctl"
    program.write_text(f'#!/bin/sh\necho "$@" >> {place}/asked\ncat {place}/out\necho "{err}" >&2\nexit {status}\n')
    program.chmod(0o755)


@pytest.fixture
def run(ansible: AnsibleRuns, tmp_path: Path) -> Run:
    """The playbook, whose hosts are this machine with a program each in the place of opsctl."""
    text = PLAYBOOK.read_text().replace("'/usr/local/sbin/opsctl'", "place ~ '/opsctl'").replace("become: true", "become: false")
    (tmp_path / "report.yml").write_text(text)
    hosts = {name: {"place": str(tmp_path / name)} for name in ("web1", "web2", "old", "bare")}
    variables = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": hosts, "vars": variables}}))
    opsctl(tmp_path, "web1", json.dumps(report("web1").to_dict()))
    opsctl(tmp_path, "web2", json.dumps(ERROR), err="opsctl: no Prometheus", status=2)
    opsctl(tmp_path, "old", "", err="opsctl: error: argument verb: invalid choice: 'report'", status=2)

    def command(*options: str) -> subprocess.CompletedProcess[str]:
        return ansible("ansible-playbook", "report.yml", "-i", "hosts.yml", *options, folder=tmp_path)

    return command


def test_one_report_of_all_hosts_whatever_some_of_them_lack(run: Run, tmp_path: Path) -> None:
    done = run()
    said = " ".join(done.stdout.split())
    assert done.returncode == 0, done.stdout + done.stderr
    assert "changed=1" not in said and "failed=1" not in said
    text = (tmp_path / "report/capacity.md").read_text()
    assert "web1, 2026-10-01 to 2026-10-31" in text and "no Prometheus measures this host" in text
    assert "invalid choice: 'report'; where its engine knows no report: run site.yml with --tags opsctl" in text and "- bare: " in text
    assert "shop/web" in said and "web2: no Prometheus measures this host" in said
    linked = {file.name for file in (tmp_path / "report").glob("*.svg")}
    assert linked == {"capacity-web1-01-disk.svg", "capacity-web1-cost.svg"} and all(f"({name})" in text for name in linked)
    assert "<svg" in (tmp_path / "report/capacity.html").read_text()
    assert (tmp_path / "web1/asked").read_text() == "report --json --since 30d\n"


def test_a_run_without_any_report_is_no_success(run: Run, tmp_path: Path) -> None:
    done = run("--limit", "web2,old")
    said = " ".join(done.stdout.split())
    assert done.returncode != 0 and "no host has a report" in said and "web2: no Prometheus measures this host" in said
    assert not (tmp_path / "report").exists(), "an earlier report would be gone"


def test_in_check_mode_hosts_are_asked_and_nothing_is_written(run: Run, tmp_path: Path) -> None:
    done = run("--check", "-e", "report_month=last", "-e", "report_folder=elsewhere")
    assert done.returncode == 0 and "shop/web" in done.stdout, done.stdout + done.stderr
    assert (tmp_path / "web1/asked").read_text() == "report --json --month last\n"
    assert not (tmp_path / "elsewhere").exists() and not (tmp_path / "report").exists()


def test_pictures_of_an_earlier_report_go_and_other_files_stay(run: Run, tmp_path: Path) -> None:
    (tmp_path / "report").mkdir()
    for name in ("capacity-web9-01-disk.svg", "notes.svg"):
        (tmp_path / "report" / name).write_text("<svg/>")
    assert run().returncode == 0
    assert not (tmp_path / "report/capacity-web9-01-disk.svg").exists() and (tmp_path / "report/notes.svg").exists()


def test_a_folder_that_cannot_be_written_is_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run("-e", "report_folder=file/report")
    assert done.returncode != 0 and "report_folder" in done.stdout and "give a folder that is yours" in " ".join(done.stdout.split())


def test_answers_that_are_none() -> None:
    answers = [("gone", None), ("odd", {"stdout": "hello"}), ("newer", {"stdout": json.dumps({**report("newer").to_dict(), "more": 1})})]
    reports, unknown = read(answers)
    assert [one.host for one in reports] == ["newer"]
    assert unknown == ["gone: was not reached", "odd: no answer of opsctl report"]
