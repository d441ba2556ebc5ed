# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Late answers on an overloaded host: whose restart waits, how long, and what is healed all the same."""

from __future__ import annotations

import http.server
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.containers.client import parse
from ansible_collections.latentum.ops.plugins.module_utils.watchdog import stall
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.findings import Evidence, Fault, judge
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.incidents import Incident
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.probes import containers as probes
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.stall import Stall, stalled

from .samples import bad, container, failing, probe, service

KEY = "shop/api"


@pytest.fixture
def pressure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kernel's account of a host with nothing to wait for."""
    monkeypatch.setattr(stall, "PRESSURE", tmp_path)
    for name in ("cpu", "io", "memory"):
        press(tmp_path, name)
    return tmp_path


def press(folder: Path, name: str, some: float = 0.0, full: float = 0.0) -> None:
    lines = [f"{line} avg10={value:.2f} avg60=99.00 avg300=99.00 total=134076552" for line, value in (("some", some), ("full", full))]
    (folder / name).write_text("\n".join(lines) + "\n")


def late(remedy: str = "restart") -> Fault:
    return replace(bad(remedy=remedy), late=True)


def incident(opened: float = 5.0) -> Incident:
    return Incident(KEY, "shop", "api", "critical", "late", opened, opened)


@pytest.mark.parametrize(
    ("name", "some", "full", "shown"),
    [
        ("cpu", 93.4, 0, "cpu 93 %"),
        ("cpu", 59.9, 0, ""),
        ("io", 99, 39, ""),  # somebody waits for a disk on any busy database
        ("io", 99, 45, "io 45 %"),
        ("memory", 99, 19, ""),
        ("memory", 99, 20, "memory 20 %"),
    ],
)
def test_what_a_stall_is(pressure: Path, name: str, some: float, full: float, shown: str) -> None:
    press(pressure, name, some, full)
    assert stalled() == shown


def test_a_kernel_that_does_not_say_never_stalls(pressure: Path) -> None:
    for file in pressure.iterdir():
        file.unlink()
    assert stalled() == ""
    finding = failing(KEY, faults=(late(),))
    assert Stall(120).spare(finding, incident(), 0.0) is finding


def test_the_kernel_of_this_machine_is_understood() -> None:
    if not stall.PRESSURE.is_dir():
        pytest.skip("a kernel without pressure stall information")
    assert stall.re.search(r"^some avg10=[0-9.]+ ", (stall.PRESSURE / "cpu").read_text(), stall.re.MULTILINE)


def test_a_late_container_waits_while_the_host_stalls_and_is_told_once(pressure: Path) -> None:
    press(pressure, "cpu", 93)
    waiting, opened = Stall(120), incident()
    finding = failing(KEY, faults=(late(),))
    for now in (0.0, 60.0, 119.0):
        assert [fault.remedy for fault in waiting.spare(finding, opened, now).faults] == ["wait"]
    assert [what for _at, what in opened.done] == [
        "waits up to 120 s before a restart: the host stalls (cpu 93 %), and answers are only late"
    ]
    # What is late may be what makes the host stall.
    assert waiting.spare(finding, opened, 120.0) is finding
    assert waiting.spare(finding, opened, 9999.0) is finding


def test_another_incident_has_its_own_patience(pressure: Path) -> None:
    press(pressure, "cpu", 93)
    waiting, finding = Stall(120), failing(KEY, faults=(late(),))
    waiting.spare(finding, incident(5.0), 0.0)
    assert waiting.spare(finding, incident(5.0), 500.0) is finding
    assert waiting.spare(finding, incident(6.0), 501.0).faults[0].remedy == "wait"


def test_on_a_host_with_room_it_is_restarted_at_once(pressure: Path) -> None:
    opened, finding = incident(), failing(KEY, faults=(late(),))
    assert Stall(120).spare(finding, opened, 0.0) is finding and not opened.done


@pytest.mark.parametrize("fault", [bad(remedy="restart"), late("start"), late("unpause"), late("replace"), late("none")])
def test_what_is_more_than_late_is_healed_all_the_same(pressure: Path, fault: Fault) -> None:
    press(pressure, "cpu", 99)
    finding = failing(KEY, faults=(fault,))
    assert Stall(120).spare(finding, incident(), 0.0) is finding


def test_of_two_containers_only_the_late_one_waits(pressure: Path) -> None:
    press(pressure, "cpu", 99)
    finding = failing(KEY, faults=(late(), bad(remedy="start")))
    assert [fault.remedy for fault in Stall(120).spare(finding, incident(), 0.0).faults] == ["wait", "start"]


def test_without_patience_nothing_waits(pressure: Path) -> None:
    press(pressure, "cpu", 99)
    finding = failing(KEY, faults=(late(),))
    assert Stall(0).spare(finding, incident(), 0.0) is finding


# Who is late


@pytest.mark.parametrize(
    ("exit_code", "expected"),
    [(-1, True), (124, True), (28, True), (1, False), (7, False), (137, False)],
)
def test_a_healthcheck_that_came_to_no_answer_is_late(exit_code: int, expected: bool) -> None:
    log = [{"ExitCode": 1, "Output": "HTTP 500"}, {"ExitCode": exit_code, "Output": "Health check exceeded timeout (2s)"}]
    raw: dict[str, Any] = {
        "Id": "a" * 64,
        "Name": "/shop-api-1",
        "State": {"Status": "running", "Health": {"Status": "unhealthy", "Log": log}},
        "Config": {"Labels": {}},
    }
    seen = parse(raw)
    assert seen.health_late is expected
    finding = judge("shop", service(), [seen], Evidence({}, {}, lambda _one: (), 10.0))
    assert [(fault.remedy, fault.late) for fault in finding.faults] == [("restart", expected)]


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def failing_port() -> Iterator[int]:
    class Fails(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            time.sleep(float(self.path[1:] or 0))
            self.send_error(200 if self.path != "/" else 500)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Fails)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server.server_address[1]
    server.shutdown()


def test_a_probe_is_late_when_nothing_comes_not_when_a_fault_comes(silent: int, failing_port: int) -> None:
    here, engine = container(addresses=(("backend", "127.0.0.1"),)), None

    def read(**options: Any) -> probes.Reading:
        return probes.read(probe(timeout=options.pop("timeout", 0.3), **options), here, engine)  # type: ignore[arg-type]

    hangs = read(port=silent)
    refuses = read(port=failing_port, timeout=5)
    slow = read(port=failing_port, path="/0.2", timeout=5, max_latency=0.1)
    nobody = read(port=1)
    assert [(reading.ok, reading.late) for reading in (hangs, refuses, slow, nobody)] == [
        (False, True),
        (False, False),
        (False, True),
        (False, False),
    ]


def test_two_probes_are_late_when_both_are() -> None:
    spec = service(probes=(probe("http", "page"), probe("tcp", "port")))
    for second, expected in ((True, True), (False, False)):
        readings = {
            ("api1", "page"): (9.0, probes.Reading("page", False, 5.0, "late", again=True, late=True)),
            ("api1", "port"): (9.0, probes.Reading("port", False, 5.0, "bad", again=True, late=second)),
        }
        (fault,) = judge("shop", spec, [container()], Evidence(readings, {}, lambda _one: (), 10.0)).faults
        assert fault.late is expected
