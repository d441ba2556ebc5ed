# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exporters that others have set up, and ports that are taken: both are named before anything is masked or started."""

from __future__ import annotations

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.preflight.exporters import foreign, taken

from .hosts import RecordedHost, wanted

NODE = {
    "switch": "exporters_node",
    "variable": "exporters_node_address",
    "address": "127.0.0.1:9100",
    "package": "prometheus-node-exporter",
    "theirs": "prometheus-node-exporter.service",
    "unit": "latentum-ops-node-exporter.service",
}
WANTED = wanted("exporters", exporters=[NODE])
ACTIVE = "systemctl is-active prometheus-node-exporter.service"


def listening(address: str, unit: str = "", program: str = "prometheus-node") -> RecordedHost:
    holder = f' users:(("{program}",pid=77,fd=3))' if program else ""
    files = {"/proc/77/cgroup": f"0::/system.slice/{unit}\n"} if unit else {}
    return RecordedHost({"ss -Hltnp": f"LISTEN 0 4096 {address} 0.0.0.0:*{holder}"}, files)


def test_an_exporter_of_somebody_else_is_kept() -> None:
    """Masked, it would go on until the next boot, and nobody would know why it is gone then."""
    (problem,) = foreign(RecordedHost({ACTIVE: "active\n"}), WANTED)
    assert problem.key == "exporters_node" and "prometheus-node-exporter.service" in problem.problem
    assert "exporters_node: false" in problem.fix and "systemctl disable --now prometheus-node-exporter.service" in problem.fix


@pytest.mark.parametrize("outputs", [{}, {ACTIVE: "inactive\n"}])
def test_one_that_is_not_there_or_does_not_run_is_none(outputs: dict[str, str]) -> None:
    assert list(foreign(RecordedHost(outputs), WANTED)) == []


@pytest.mark.parametrize(
    ("host", "named"),
    [
        (listening("127.0.0.1:9100", "minio.service", "minio"), "minio (process 77) of minio.service"),
        (listening("0.0.0.0:9100", "", "python3"), "python3 (process 77) listens"),
        (listening("*:9100", "", ""), "a process that ss cannot name"),
        (listening("[::]:9100", "session-4.scope", "nc"), "nc (process 77) listens"),
    ],
)
def test_whoever_has_a_port_is_named(host: RecordedHost, named: str) -> None:
    (problem,) = taken(host, WANTED)
    assert problem.key == "exporters_node_address" and named in problem.problem and problem.fix.startswith("write another port of loopback")


@pytest.mark.parametrize(
    "host",
    [
        listening("127.0.0.1:9100", "latentum-ops-node-exporter.service"),
        listening("*:9100", "prometheus-node-exporter.service"),  # which the other check names
        listening("127.0.0.1:9101", "minio.service"),
        listening("10.0.0.5:9100", "minio.service"),
        RecordedHost(),
    ],
)
def test_its_own_and_those_elsewhere_are_in_nobody_s_way(host: RecordedHost) -> None:
    assert list(taken(host, WANTED)) == []


def test_a_role_that_is_off_asks_nothing() -> None:
    host = listening("127.0.0.1:9100", "minio.service")
    given = wanted("exporters", exporters=[])
    assert list(taken(host, given)) == list(foreign(host, given)) == []


def test_a_port_of_one_of_ours_that_gives_way_is_not_taken() -> None:
    """Prometheus and VictoriaMetrics have one address, and either ends before the other one starts."""
    replaced = {**NODE, "replaces": ["latentum-ops-other.service"]}
    host = listening("127.0.0.1:9100", "latentum-ops-other.service")
    assert list(taken(host, wanted("exporters", exporters=[replaced]))) == []
    assert len(list(taken(host, WANTED))) == 1
