# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real container with limits on the engine of this machine: what a scrape says is what its files and Docker say, read on their own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.containers.client import DockerUnavailable, Engine
from ansible_collections.latentum.ops.plugins.module_utils.metrics.exporter import Exporter
from ansible_collections.latentum.ops.plugins.module_utils.metrics.inventory import Inventory

from .trees import of, parsed

MB = 1 << 20
# Some work, some memory, a child that is killed for want of it, and then silence.
WORK = (
    "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; dd if=/dev/zero of=/file bs=1M count=8 2>/dev/null; tail /dev/zero; exec sleep 300"
)


def docker(*argv: str) -> str:
    done = subprocess.run(["docker", *argv], capture_output=True, text=True, check=False, timeout=120)
    if done.returncode:
        pytest.skip(f"docker {argv[0]}: {done.stderr.strip()[-200:]}")
    return done.stdout.strip()


def image() -> str:
    """A small local image with a shell."""
    if shutil.which("docker") is None:
        pytest.skip("Docker is not here")
    for line in docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}").splitlines():
        if line.startswith(("latentum-ops-test/toolbox:", "latentum-ops-test/sample-base:", "busybox:", "alpine:", "debian:")):
            return line
    return pytest.skip("there is no local image with a shell")


@pytest.fixture(scope="module")
def container() -> Iterator[dict[str, object]]:
    limits = ["--memory", "48m", "--memory-swap", "48m", "--cpus", "0.5", "--cpu-shares", "512"]
    labels = ["--label", "com.docker.compose.project=metrics", "--label", "com.docker.compose.service=work"]
    identity = docker("run", "--detach", *limits, *labels, "--pull", "never", "--entrypoint", "sh", image(), "-c", WORK)
    try:
        end = time.monotonic() + 60
        while docker("top", identity, "-o", "pid,comm").split()[-1] != "sleep" and time.monotonic() < end:
            time.sleep(0.2)
        yield json.loads(docker("inspect", identity))[0]
    finally:
        subprocess.run(["docker", "rm", "--force", identity], capture_output=True, check=False)


def files(container: dict[str, object]) -> tuple[Path, Path | None]:
    """The folder of version 2 of its group, or the mount point of version 1 and None."""
    base = Path("/sys/fs/cgroup")
    found = [Path(root) for root, _folders, _files in os.walk(base) if str(container["Id"]) in root]
    if not found:
        pytest.skip("the control groups of the engine's containers are not to be seen here")
    two = [folder for folder in found if (folder / "memory.current").exists()]
    return (base, two[0]) if two else (base, None)


def number(base: Path, container: dict[str, object], controller: str, name: str, key: str = "") -> float:
    (file, *_rest) = [file for file in (base / controller).rglob(name) if str(container["Id"]) in str(file)]
    text = file.read_text()
    return float(next(line.split()[1] for line in text.splitlines() if line.split()[0] == key) if key else text)


def scraped(container: dict[str, object]) -> dict[str, float]:
    try:
        engine = Engine(5)
    except DockerUnavailable as error:
        pytest.skip(str(error))
    inventory = Inventory()
    inventory.connect(engine)
    samples = parsed(Exporter(inventory).scrape())
    name = str(container["Name"]).lstrip("/")
    mine = {key: value for key, value in samples.items() if ("name", name) in key[1]}
    assert mine and of(samples, "container_scrape_error") == [0]
    assert all(("container_label_com_docker_compose_project", "metrics") in labels for _name, labels in mine)
    return {key[0]: value for key, value in mine.items()}


def test_every_number_is_that_of_the_files_of_its_group(container: dict[str, object]) -> None:
    base, two = files(container)
    values = scraped(container)
    # It sleeps: nothing changes between the two readings but a few pages.
    if two is None:
        exact = {
            "container_cpu_usage_seconds_total": number(base, container, "cpuacct", "cpuacct.usage") / 1e9,
            "container_cpu_user_seconds_total": number(base, container, "cpuacct", "cpuacct.stat", "user") / os.sysconf("SC_CLK_TCK"),
            "container_cpu_system_seconds_total": number(base, container, "cpuacct", "cpuacct.stat", "system") / os.sysconf("SC_CLK_TCK"),
            "container_cpu_cfs_throttled_periods_total": number(base, container, "cpu", "cpu.stat", "nr_throttled"),
            "container_cpu_cfs_throttled_seconds_total": number(base, container, "cpu", "cpu.stat", "throttled_time") / 1e9,
            "container_memory_rss": number(base, container, "memory", "memory.stat", "total_rss"),
            "container_memory_failcnt": number(base, container, "memory", "memory.failcnt"),
            "container_oom_events_total": number(base, container, "memory", "memory.oom_control", "oom_kill"),
        }
        usage, inactive = (
            number(base, container, "memory", "memory.usage_in_bytes"),
            number(base, container, "memory", "memory.stat", "total_inactive_file"),
        )
    else:
        table = {
            line.split()[0]: float(line.split()[1])
            for name in ("cpu.stat", "memory.stat")
            for line in (two / name).read_text().splitlines()
        }
        events = {line.split()[0]: float(line.split()[1]) for line in (two / "memory.events").read_text().splitlines()}
        exact = {
            "container_cpu_usage_seconds_total": table["usage_usec"] / 1e6,
            "container_cpu_cfs_throttled_periods_total": table["nr_throttled"],
            "container_memory_rss": table["anon"],
            "container_memory_failcnt": events["max"],
            "container_oom_events_total": events["oom_kill"],
        }
        usage, inactive = float((two / "memory.current").read_text()), table["inactive_file"]
    for name, expected in exact.items():
        assert values[name] == pytest.approx(expected, rel=0.02, abs=0.02 if "seconds" in name else 65536), name
    assert values["container_memory_usage_bytes"] == pytest.approx(usage, abs=MB)
    assert values["container_memory_working_set_bytes"] == pytest.approx(usage - inactive, abs=MB)


def test_limits_and_what_happened_at_them_are_those_of_docker(container: dict[str, object]) -> None:
    values = scraped(container)
    assert values["container_spec_memory_limit_bytes"] == 48 * MB
    assert values["container_spec_cpu_quota"] / values["container_spec_cpu_period"] == 0.5
    assert values["container_cpu_usage_seconds_total"] > 0.05 and values["container_cpu_cfs_periods_total"] > 0
    assert values["container_processes"] == 1 and values["container_oom_events_total"] == 1
    assert values["container_cpu_user_seconds_total"] + values["container_cpu_system_seconds_total"] == pytest.approx(
        values["container_cpu_usage_seconds_total"], rel=0.1, abs=0.05
    )


def test_traffic_is_that_of_its_interface(container: dict[str, object]) -> None:
    state = container["State"]
    assert isinstance(state, dict)
    line = next(line for line in Path(f"/proc/{state['Pid']}/net/dev").read_text().splitlines() if "eth0" in line).replace(":", " ").split()
    values = scraped(container)
    assert values["container_network_receive_bytes_total"] == pytest.approx(int(line[1]), abs=2000)
    assert values["container_network_transmit_packets_total"] == pytest.approx(int(line[10]), abs=10)
