# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbook slo: rule files on the controller, in check mode, again, changed, and with a Prometheus that is none."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.latentum.ops.plugins.module_utils.slo.measured import PACES
from ansible_runs import AnsibleRuns

from ..slo.test_source import answering, serving

STACK: dict[str, Any] = {
    "name": "shop",
    "contact": "ops@example.com",
    "compose": {"services": {"web": {"image": "acme/web:1", "healthcheck": {"test": ["CMD", "true"]}}}},
    "routes": [{"domain": "shop.example.com", "service": "web", "port": 8080}],
    "slos": [{"name": "web", "route": "shop.example.com/", "availability": 99.9}],
}
Run = Callable[..., subprocess.CompletedProcess[str]]


def inventory(folder: Path, *stacks: dict[str, Any], **hosts: dict[str, Any]) -> None:
    """The hosts of a play, which nobody reaches; the stacks of all of them."""
    declared = {"ops_stacks": list(stacks)} if len(stacks) != 1 else {"ops_stack": stacks[0]}
    machines = hosts or {"h1": {}, "h2": {}}
    (folder / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": machines, "vars": {"ansible_host": "192.0.2.1", **declared}}}))


@pytest.fixture
def run(ansible: AnsibleRuns, tmp_path: Path) -> Run:
    """The playbook in a folder, with extra variables."""

    def command(*options: str, **given: str) -> subprocess.CompletedProcess[str]:
        extra = [word for name, value in given.items() for word in ("-e", f"{name}={value}")]
        return ansible("ansible-playbook", "latentum.ops.slo", "-i", "hosts.yml", *options, *extra, folder=tmp_path)

    return command


def measuring() -> AbstractContextManager[str]:
    """A server with the numbers of the one objective: thirty of 100,000 requests failed."""
    numbers = {
        "slo:events:window": "100000",
        "slo:failed_events:window": "30",
        **{f"slo:error_ratio:{window}": "0.0001" for window in PACES},
    }

    def answer(asked: Mapping[str, str]) -> bytes:
        labels = {"stack": "shop", "slo": "web", "service": "web"}
        if "step" in asked:
            start, end = float(asked["start"]), float(asked["end"])
            values = [[start + (end - start) * number / 10, str(1 - number * 0.03)] for number in range(11)]
            data = {"resultType": "matrix", "result": [{"metric": labels, "values": values}]}
        else:
            value = numbers[asked["query"].partition("{")[0]]
            data = {"resultType": "vector", "result": [{"metric": labels, "value": [float(asked["time"]), value]}]}
        return json.dumps({"status": "success", "data": data}).encode()

    return serving(answer)


def said(done: subprocess.CompletedProcess[str]) -> str:
    """What was printed, as one line without the quotes of a list."""
    return " ".join((done.stdout + done.stderr).replace('",', "").replace('"', "").split())


def test_rules_are_written_once_and_the_table_is_shown(run: Run, tmp_path: Path) -> None:
    inventory(tmp_path, STACK)
    file = tmp_path / "slo" / "slo-shop.yml"
    checked = run("--check", "--diff")
    assert checked.returncode == 0 and "changed=1" in checked.stdout and "+  - alert: SLOFastBurn" in checked.stdout, said(checked)
    assert not file.parent.exists()
    first = run()
    assert first.returncode == 0 and "changed=1" in first.stdout, said(first)
    assert "shop/web availability of route shop.example.com/ 99.9 % 30d 43.2 min" in said(first)
    assert [group["name"] for group in yaml.safe_load(file.read_text())["groups"]] == ["slo/shop/web", "slo/shop/web/days"]
    assert file.stat().st_mode & 0o777 == 0o644
    again = run("--diff")
    assert again.returncode == 0 and "changed=1" not in again.stdout and "alert:" not in again.stdout, said(again)
    inventory(tmp_path, {**STACK, "slos": [{**STACK["slos"][0], "availability": 99.5}]})
    assert "changed=1" in run("--diff").stdout and "vector(0.995)" in file.read_text()
    inventory(tmp_path, {**STACK, "slos": []})
    gone = run("--diff")
    assert gone.returncode == 0 and "no objective is declared" in gone.stdout and not file.exists(), said(gone)


def test_each_stack_has_its_own_file_and_only_those_of_the_run_are_touched(run: Run, tmp_path: Path) -> None:
    blog = {**STACK, "name": "blog", "routes": [{**STACK["routes"][0], "domain": "blog.example.com"}], "slos": []}
    blog["slos"] = [{"name": "blog", "service": "web", "availability": 99}]
    inventory(tmp_path, STACK, blog)
    assert run(slo_folder="rules").returncode == 0
    assert sorted(file.name for file in (tmp_path / "rules").iterdir()) == ["slo-blog.yml", "slo-shop.yml"]
    inventory(tmp_path, STACK, {**blog, "slos": []})
    assert "changed=1" not in run(slo_folder="rules", ops_only="shop").stdout
    assert "changed=1" in run(slo_folder="rules").stdout
    assert [file.name for file in (tmp_path / "rules").iterdir()] == ["slo-shop.yml"]


def test_a_file_of_others_is_not_overwritten(run: Run, tmp_path: Path) -> None:
    inventory(tmp_path, STACK)
    (tmp_path / "slo").mkdir()
    (tmp_path / "slo" / "slo-shop.yml").write_text("groups: []\n")
    done = run()
    assert done.returncode != 0 and "not of this playbook" in said(done) and "Nothing was changed" in said(done)
    assert (tmp_path / "slo" / "slo-shop.yml").read_text() == "groups: []\n"


def test_hosts_that_promise_different_things_are_named(run: Run, tmp_path: Path) -> None:
    other = {**STACK, "slos": [{**STACK["slos"][0], "availability": 99}]}
    inventory(tmp_path, STACK, h1={}, h2={"ops_stack": other})
    done = run()
    assert done.returncode != 0 and "h2 declares stack shop with other objectives than h1" in said(done)
    assert run(ops_hosts="h2").returncode == 0


def test_a_prometheus_is_asked_before_anything_is_written(run: Run, tmp_path: Path) -> None:
    inventory(tmp_path, STACK)
    with answering(404, b"") as address:
        done = run(slo_prometheus=address)
    assert done.returncode != 0 and "nothing there speaks the API of Prometheus" in said(done) and "Nothing was changed" in said(done)
    assert not (tmp_path / "slo").exists()
    empty = b'{"status": "success", "data": {"resultType": "vector", "result": []}}'
    with answering(200, empty) as address:
        assert "not numbers over a time" in said(run(slo_prometheus=address))
    assert run(slo_prometheus="prometheus:9090").returncode != 0


def test_a_wrong_declaration_is_refused(run: Run, tmp_path: Path) -> None:
    inventory(tmp_path, {**STACK, "slos": [{**STACK["slos"][0], "availability": 100}]})
    done = run()
    assert done.returncode != 0 and "slos[0].availability: leaves no budget" in said(done) and not (tmp_path / "slo").exists()


def test_measured_budgets_are_in_the_table_and_in_a_picture(run: Run, tmp_path: Path) -> None:
    """A server that answers by what is asked."""
    inventory(tmp_path, STACK)
    with measuring() as address:
        done = run(slo_prometheus=address)
    assert done.returncode == 0, said(done)
    assert "99.97 % 70.0% (70.0 of 100 failures) 0.1, 0.1, 0.1, 0.1 never at this pace normal: release as usual" in said(done)
    picture = (tmp_path / "slo" / "slo-shop-web.svg").read_text()
    assert "Error budget of shop/web: 70.0% left" in picture and "<polyline" in picture
    with measuring() as address:
        again = run(slo_prometheus=address)
    assert again.returncode == 0 and "changed=1" not in again.stdout
