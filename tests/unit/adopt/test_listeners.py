# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who listens, from the kernel's tables, on recorded hosts and on this machine."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.adopt.host import SurveyedHost
from ansible_collections.latentum.ops.plugins.module_utils.adopt.survey.containers import containers
from ansible_collections.latentum.ops.plugins.module_utils.adopt.survey.listeners import Listener, by_port, listeners

from .hosts import Neighbour, container, listening, process


def seen(host: SurveyedHost) -> dict[str, str]:
    """Ports with those who listen."""
    return {f"{one.address}:{one.name}": one.holder for one in listeners(host, containers(host))}


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_a_real_socket_of_this_process(family: socket.AddressFamily) -> None:
    address = "127.0.0.1" if family == socket.AF_INET else "::1"
    with socket.socket(family) as server:
        try:
            server.bind((address, 0))
        except OSError:
            pytest.skip("no such addresses here")
        server.listen()
        port = server.getsockname()[1]
        (mine,) = [one for one in listeners(SurveyedHost()) if one.port == port and one.protocol == "tcp"]
        assert mine.address == address and not mine.outside
        (own,) = [one for one in SurveyedHost().processes if one.pid == os.getpid()]
        assert mine.program == own.program


def test_the_same_as_ss_shows_here() -> None:
    with socket.socket() as server:
        server.bind(("0.0.0.0", 0))
        server.listen()
        try:
            shown = subprocess.run(["ss", "-Hltn"], capture_output=True, text=True, check=True).stdout
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("no ss here")
        port = server.getsockname()[1]
        assert f":{port} " in shown and any(one.port == port and one.outside for one in listeners(SurveyedHost()))


def test_a_process_without_a_name_of_its_own_is_found_by_a_child() -> None:
    """A daemon that keeps its sockets open in its workers is one holder."""
    code = "import socket,time\ns=socket.socket();s.bind(('127.0.0.1',0));s.listen();print(s.getsockname()[1],flush=True);time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as child:
        try:
            port = int((child.stdout or sys.stdin).readline())
            (one,) = [one for one in listeners(SurveyedHost()) if one.port == port and one.protocol == "tcp"]
            assert one.program.startswith("python")
        finally:
            child.kill()


TABLE = listening(("0.0.0.0", 22, 11), ("127.0.0.1", 5432, 12), ("0.0.0.0", 5433, 13), ("0.0.0.0", 8443, 14), ("10.0.0.4", 9100, 99))


def host(**more: object) -> Neighbour:
    running = [
        process("systemd", "/sbin/init", sockets=[11]),
        process("sshd", unit="ssh.service", sockets=[11]),
        process("postgres", unit="postgresql@15-main.service", sockets=[12]),
        process("docker-proxy", "/usr/bin/docker-proxy", "-proto", "tcp", "-host-port", "5433", unit="docker.service", sockets=[13]),
        process("node", container=container("web")["brief"]["Id"], sockets=[14]),
    ]
    there = [
        container("legacy-db-1", project="legacy", ports=["5433:5432"]),
        container("web", network="host"),
        container("dns", ports=["53:53/udp"]),
    ]
    return Neighbour({"/proc/net/tcp": TABLE, **more.pop("files", {})}, {}, running, there)  # type: ignore[arg-type,dict-item]


def test_programs_units_containers_and_what_docker_publishes() -> None:
    assert seen(host()) == {
        "0.0.0.0:22/tcp": "sshd of ssh.service",
        "127.0.0.1:5432/tcp": "postgres of postgresql@15-main.service",
        "0.0.0.0:5433/tcp": "container legacy-db-1 of project legacy",
        "0.0.0.0:8443/tcp": "container web",
        "10.0.0.4:9100/tcp": "a process that the kernel does not name",
        "0.0.0.0:53/udp": "container dns",
    }


def test_only_what_docker_publishes_goes_past_the_firewall() -> None:
    assert {one.port for one in listeners(host(), containers(host())) if one.published} == {53, 5433}


def test_sockets_of_clients_are_no_servers() -> None:
    files = {
        "/proc/net/tcp": listening(),
        "/proc/net/udp": listening(("0.0.0.0", 40000, 31), ("0.0.0.0", 51820, 32), ("0.0.0.0", 68, 33), protocol="udp"),
    }
    found = listeners(Neighbour(files, {}, [process("chronyd", sockets=[31]), process("dhclient", sockets=[33])]))
    assert {one.port: one.ephemeral for one in found} == {40000: True, 51820: False, 68: False}
    assert set(by_port(found)) == {(51820, "udp"), (68, "udp")}


def test_ss_is_asked_where_the_tables_cannot_be_read() -> None:
    shown = 'LISTEN 0 4096 [::]:8080 [::]:* users:(("java",pid=812,fd=9))\nLISTEN 0 511 *:3000 *:* users:(("node",pid=9,fd=1))\n'
    found = listeners(Neighbour(outputs={"ss -Hltnp": shown, "ss -Hlunp": ""}))
    assert [(one.address, one.port, one.program) for one in found] == [("::", 3000, "node"), ("::", 8080, "java")]


def test_docker_s_proxy_without_an_answering_engine_is_still_published() -> None:
    running = [process("docker-proxy", "docker-proxy", sockets=[5])]
    (one,) = listeners(Neighbour({"/proc/net/tcp": listening(("0.0.0.0", 8080, 5))}, {}, running))
    assert one.published and one.holder == "docker-proxy"


def test_a_stopped_engine_is_not_woken(monkeypatch: pytest.MonkeyPatch) -> None:
    """systemd starts dockerd for whoever connects to its socket."""
    asked: list[str] = []
    monkeypatch.setattr(SurveyedHost, "processes", [])
    monkeypatch.setattr(
        "ansible_collections.latentum.ops.plugins.module_utils.preflight.host.Engine", lambda _timeout: asked.append("asked")
    )
    assert SurveyedHost().engine is None and asked == []
    monkeypatch.setattr(SurveyedHost, "processes", [process("dockerd")])
    SurveyedHost().engine  # noqa: B018
    assert asked == ["asked"]


def test_loopback_of_both_versions_is_inside() -> None:
    assert [Listener("tcp", address, 1).outside for address in ("127.0.0.1", "::1", "127.8.0.3", "::", "10.0.0.1")] == [False] * 3 + [
        True
    ] * 2
