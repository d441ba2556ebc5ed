# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports that nginx needs: whoever holds one is named, with the command that ends it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.preflight.web_ports import Listener, listeners, taken

from .hosts import RecordedHost, recorded, wanted

NGINX = wanted("nginx", addresses=["*:80", "*:443", "127.0.0.1:8081"])
CONTAINER = "3f2a90c1d4e7" + "0" * 52


class Containers:
    """An engine with containers that publish ports."""

    def __init__(self, *containers: dict[str, Any]) -> None:
        self.api = self
        self.listed = list(containers)

    def containers(self) -> list[dict[str, Any]]:
        return self.listed


def found(*lines: str, files: dict[str, str] | None = None, engine: Any = None) -> list[str]:
    text = "\n".join(f"LISTEN 0 511 {line}" for line in lines)
    return [str(problem) for problem in taken(RecordedHost({"ss -Hltnp": text}, files, engine=engine), NGINX)]


def test_what_ss_shows_is_read() -> None:
    seen = listeners(recorded("ss-apache.txt"))
    assert {(listener.address, listener.port, listener.program) for listener in seen} >= {
        ("*", 80, "apache2"),
        ("127.0.0.1", 3306, "python3"),
        ("127.0.0.11", 44469, ""),
    }
    assert listeners('LISTEN 0 4096 127.0.0.53%lo:53 0.0.0.0:* users:(("systemd-resolve",pid=5,fd=14))') == [
        Listener("127.0.0.53", 53, "systemd-resolve", "5")
    ]


def test_apache_is_named_once_with_its_unit() -> None:
    pid = next(listener.pid for listener in listeners(recorded("ss-apache.txt")) if listener.port == 80)
    host = RecordedHost({"ss -Hltnp": recorded("ss-apache.txt")}, {f"/proc/{pid}/cgroup": "0::/system.slice/apache2.service\n"})
    (problem,) = taken(host, NGINX)
    assert problem.key == "port 80" and "apache2 (process" in problem.problem and "of apache2.service" in problem.problem
    assert "systemctl disable --now apache2.service" in problem.fix and "write nginx_behind" in problem.fix


@pytest.mark.parametrize(
    ("address", "collides"),
    [
        ("0.0.0.0:80", True),
        ("[::]:80", True),
        ("127.0.0.1:80", True),
        ("192.0.2.1:443", True),
        ("0.0.0.0:8081", True),
        ("127.0.0.1:8081", True),
        ("192.0.2.1:8081", False),
        ("0.0.0.0:8080", False),
    ],
)
def test_only_listeners_that_the_kernel_would_not_bear_beside_nginx_count(address: str, collides: bool) -> None:
    problems = found(f'{address} 0.0.0.0:* users:(("caddy",pid=7,fd=3))')
    assert len(problems) == collides and all("caddy (process 7) listens there" in problem for problem in problems)


def test_nginx_itself_is_no_finding_but_one_in_a_container_is() -> None:
    line = '0.0.0.0:80 0.0.0.0:* users:(("nginx",pid=7,fd=3),("nginx",pid=6,fd=3))'
    assert found(line, files={"/proc/7/cgroup": "0::/system.slice/nginx.service\n"}) == []
    for cgroup in (f"0::/system.slice/docker-{CONTAINER}.scope\n", f"12:pids:/docker/{CONTAINER}\n"):
        (problem,) = found(line, files={"/proc/7/cgroup": cgroup})
        assert "nginx in container 3f2a90c1d4e7" in problem


def test_a_port_that_a_container_publishes_has_no_listener_and_is_found_all_the_same() -> None:
    engine = Containers(
        {"Names": ["/old_proxy_1"], "Labels": {"com.docker.compose.project": "old"}, "Ports": [
            {"PrivatePort": 80, "PublicPort": 80, "Type": "tcp", "IP": "0.0.0.0"},
            {"PrivatePort": 80, "PublicPort": 80, "Type": "tcp", "IP": "::"},
            {"PrivatePort": 443, "PublicPort": 443, "Type": "udp"},
            {"PrivatePort": 9000, "Type": "tcp"},
        ]},
        {"Names": ["/quiet"], "Labels": None, "Ports": []},
    )  # fmt: skip
    proxy = '0.0.0.0:80 0.0.0.0:* users:(("docker-proxy",pid=9,fd=4))'
    (problem,) = found(proxy, engine=engine)
    assert "port 80: container old_proxy_1 of project old publishes it" in problem


def test_a_host_without_ss_or_without_listeners_has_no_finding() -> None:
    assert list(taken(RecordedHost(), NGINX)) == []
    assert found() == []
