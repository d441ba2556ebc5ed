# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The weight of a container that starts, in both versions of control groups."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.containers import cpu_weight

V1 = "12:cpuset:/docker/c1\n4:cpu,cpuacct:/docker/c1\n1:name=systemd:/docker/c1\n0::/docker/c1\n"
V2 = "0::/system.slice/docker-c1.scope\n"


def container(pid: int = 7, shares: int = 0) -> dict[str, Any]:
    return {"State": {"Pid": pid}, "HostConfig": {"CpuShares": shares}}


def group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, file: str) -> Path:
    """A process in a control group; the file of its weight."""
    monkeypatch.setattr(cpu_weight, "PROC", tmp_path / "proc")
    monkeypatch.setattr(cpu_weight, "CGROUPS", tmp_path / "cgroup")
    (tmp_path / "proc/7").mkdir(parents=True)
    (tmp_path / "proc/7/cgroup").write_text(said)
    path = tmp_path / "cgroup" / file
    path.parent.mkdir(parents=True)
    path.write_text("usual")
    return path


@pytest.mark.parametrize(
    ("said", "file", "slow", "usual"),
    [(V1, "cpu,cpuacct/docker/c1/cpu.shares", "256", "1024"), (V2, "system.slice/docker-c1.scope/cpu.weight", "25", "100")],
)
def test_a_quarter_while_it_starts(said: str, file: str, slow: str, usual: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weight = group(tmp_path, monkeypatch, said, file)
    cpu_weight.slow_down(container())
    assert weight.read_text() == slow
    cpu_weight.restore(container())
    assert weight.read_text() == usual


@pytest.mark.parametrize("raw", [container(shares=512), container(pid=0), container(pid=8)])
def test_one_with_shares_of_its_own_or_that_is_gone_is_left_alone(
    raw: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weight = group(tmp_path, monkeypatch, V2, "system.slice/docker-c1.scope/cpu.weight")
    cpu_weight.slow_down(raw)
    assert weight.read_text() == "usual"


def test_no_control_group_of_processors_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weight = group(tmp_path, monkeypatch, "1:name=systemd:/docker/c1\n0::/docker/c1\n", "docker/c1/cgroup.procs")
    cpu_weight.slow_down(container())
    assert weight.read_text() == "usual"
