# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to what a service publishes on loopback."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.cli import tunnel
from ansible_collections.latentum.ops.plugins.module_utils.containers.client import Container, PublishedPort, parse

CONNECTED = {"SSH_CONNECTION": "198.51.100.7 50000 203.0.113.5 2222", "SUDO_USER": "ada", "USER": "root"}


def container(service: str, ports: dict[str, Any]) -> Container:
    """As the engine describes it (GET /containers/{id}/json)."""
    labels = {"com.docker.compose.service": service, "com.docker.compose.container-number": "1"}
    return parse(
        {
            "Id": service,
            "Name": f"/shop-{service}-1",
            "State": {"Status": "running"},
            "Config": {"Labels": labels},
            "NetworkSettings": {"Ports": ports},
        }
    )


CONTAINERS = [
    container("db", {"5432/tcp": [{"HostIp": "127.0.0.1", "HostPort": "5434"}]}),
    container("db", {"5432/tcp": None}),  # another replica, which publishes nothing
    container("queue", {"5672/tcp": [{"HostIp": "127.0.0.1", "HostPort": "5672"}], "15672/tcp": [{"HostIp": "::1", "HostPort": "15672"}]}),
    container("web", {"8080/tcp": [{"HostIp": "0.0.0.0", "HostPort": "80"}, {"HostIp": "::", "HostPort": "80"}]}),
    container("worker", {}),
    container("dns", {"53/udp": [{"HostIp": "127.0.0.1", "HostPort": "53"}]}),
]


def test_what_the_engine_publishes_is_read() -> None:
    assert CONTAINERS[0].published == (PublishedPort("127.0.0.1", 5434, 5432, "tcp"),)
    assert [port.on_loopback for port in CONTAINERS[3].published] == [False, False]
    assert CONTAINERS[1].published == CONTAINERS[4].published == ()


def test_the_command_is_that_of_the_other_machine() -> None:
    port = tunnel.chosen(CONTAINERS, "db", None)
    command = tunnel.ssh_command(port, port.number, CONNECTED)
    assert command == ["ssh", "-N", "-o", "ExitOnForwardFailure=yes", "-p", "2222", "-L", "5434:127.0.0.1:5434", "ada@203.0.113.5"]
    assert "-p" not in tunnel.ssh_command(port, 15434, {"USER": "ada"}) and "15434:127.0.0.1:5434" in tunnel.ssh_command(port, 15434, {})


def test_of_several_ports_the_named_one() -> None:
    port = tunnel.chosen(CONTAINERS, "queue", 15672)
    assert tunnel.ssh_command(port, 1, CONNECTED)[-2] == "1:[::1]:15672"


@pytest.mark.parametrize(
    ("service", "port", "message"),
    [
        ("queue", None, "publishes several ports: write --port 5672 or --port 15672"),
        ("db", 80, "does not publish port 80 on loopback: write --port 5432"),
        ("worker", None, "publishes nothing on loopback: write ports:"),
        ("dns", None, "publishes nothing on loopback"),  # SSH forwards TCP
        ("web", None, "published beyond loopback: connect to port 80"),
        ("dbb", None, "no container of a service 'dbb': did you mean db"),
    ],
)
def test_what_cannot_be_reached_is_said(service: str, port: int | None, message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("[", "\\[").replace("(", "\\(")):
        tunnel.chosen(CONTAINERS, service, port)
