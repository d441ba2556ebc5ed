# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps of builds among the control groups of a host."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.builds import low_priority
from ansible_collections.latentum.ops.plugins.module_utils.containers import cpu_weight

STEP, CONTAINER = "x" * 24 + "7", "0" * 64
GROUPS = [f"system.slice/docker-{STEP}.scope", f"system.slice:docker:{STEP}", f"docker/buildkit/{STEP}"]
OTHERS = [f"system.slice/docker-{CONTAINER}.scope", f"docker/{CONTAINER}", "system.slice/docker.service"]


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(cpu_weight, "PROC", tmp_path / "proc")
    monkeypatch.setattr(cpu_weight, "CGROUPS", tmp_path / "cgroup")
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/99").mkdir()  # it has just ended
    return tmp_path


def running(kernel: Path, pid: int, group: str, *, line: str, files: dict[str, str]) -> None:
    (kernel / f"proc/{pid}").mkdir()
    (kernel / f"proc/{pid}/cgroup").write_text(line.format(group))
    for name, weight in files.items():
        path = kernel / "cgroup" / name.format(group)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(weight)


def test_steps_get_the_least_weight_and_containers_keep_theirs(kernel: Path) -> None:
    for pid, group in enumerate([*GROUPS, *OTHERS], 1):
        running(kernel, pid, group, line="0::/{}\n", files={"{}/cpu.weight": "100", "{}/io.weight": "default 100"})
    low_priority.slow_down()
    found = {group: (kernel / "cgroup" / group / "cpu.weight").read_text() for group in [*GROUPS, *OTHERS]}
    assert found == {**dict.fromkeys(GROUPS, "1"), **dict.fromkeys(OTHERS, "100")}
    assert (kernel / "cgroup" / GROUPS[0] / "io.weight").read_text() == "default 1"


def test_the_older_control_groups(kernel: Path) -> None:
    for pid, group in enumerate([*GROUPS, *OTHERS], 1):
        running(kernel, pid, group, line="7:cpu,cpuacct:/{0}\n1:name=systemd:/{0}\n", files={"cpu,cpuacct/{}/cpu.shares": "1024"})
    low_priority.slow_down()
    assert (kernel / "cgroup/cpu,cpuacct" / GROUPS[2] / "cpu.shares").read_text() == "2"
    assert (kernel / "cgroup/cpu,cpuacct" / OTHERS[0] / "cpu.shares").read_text() == "1024"


def test_a_control_group_without_weights_stops_no_build(kernel: Path) -> None:
    running(kernel, 1, GROUPS[0], line="0::/{}\n", files={})
    with low_priority.slowed():
        low_priority.slow_down()
