# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A proxy in front of nginx, against what the host has."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.latentum.ops.plugins.module_utils.preflight import web_ports
from ansible_collections.latentum.ops.plugins.module_utils.preflight.behind import contradicted

from .hosts import RecordedHost, wanted

MAIN = "http {\n  include /etc/nginx/sites-enabled/*;\n}\n"
ADDRESSES = {
    "ip -json address": json.dumps(
        [
            {"ifname": "lo", "addr_info": [{"local": "127.0.0.1"}, {"local": "::1"}]},
            {"ifname": "eth0", "addr_info": [{"local": "10.0.0.5"}, {"local": "2001:db8::5"}]},
            {"ifname": "down"},
        ]
    )
}


def problems(host: RecordedHost, listen: list[str], **more: Any) -> list[str]:
    given = {"given": {"listen": listen, "trusted": ["10.0.0.7", "127.0.0.1"]}, "ssh_port": "22", **more.pop("beside", {})}
    return [str(problem) for problem in contradicted(host, wanted("nginx", behind=given, **more))]


def test_without_a_proxy_nothing_is_asked() -> None:
    assert list(contradicted(RecordedHost(), wanted("nginx", behind={}))) == []
    assert list(contradicted(RecordedHost(), wanted("nginx"))) == []


def test_an_address_that_the_host_does_not_have() -> None:
    """Such as that of a bridge which is not there yet: nginx would be started again and again."""
    host = RecordedHost(ADDRESSES)
    (problem,) = problems(host, ["172.17.0.1:8080", "10.0.0.5:8080", "0.0.0.0:8081", "127.0.0.9:8080", "[2001:db8::5]:8080"])
    assert "nginx_behind.listen[0]: is no address of this host" in problem and "10.0.0.5" in problem and "0.0.0.0:8080" in problem
    assert problems(RecordedHost(), ["172.17.0.1:8080"]) == []  # nobody says what it has
    assert problems(RecordedHost(ADDRESSES, {"/proc/sys/net/ipv4/ip_nonlocal_bind": "1\n"}), ["172.17.0.1:8080"]) == []


def test_what_is_wrong_in_the_inventory_is_found_here_too() -> None:
    (problem,) = problems(RecordedHost(), ["127.0.0.1:22"])
    assert "SSH" in problem
    (problem,) = problems(RecordedHost(), ["127.0.0.1:8080"], beside={"proxy_protocol": True})
    assert problem.startswith("nginx_proxy_protocol")


def test_a_site_of_others_at_the_same_address() -> None:
    site = "server {\n  listen 8080;\n  server_name old.example.com;\n}\n"
    host = RecordedHost({}, {"/etc/nginx/nginx.conf": MAIN, "/etc/nginx/sites-enabled/old": site})
    (problem,) = problems(host, ["127.0.0.1:8080"], keep_foreign=True)
    assert "a site of others listens (*:8080" in problem
    assert problems(host, ["127.0.0.1:8088"], keep_foreign=True) == problems(host, ["127.0.0.1:8080"]) == []


def test_ports_80_and_443_may_be_the_proxy_s() -> None:
    lines = (
        'LISTEN 0 511 0.0.0.0:80 0.0.0.0:* users:(("caddy",pid=7,fd=3))\nLISTEN 0 511 127.0.0.1:8080 0.0.0.0:* users:(("node",pid=8,fd=3))'
    )
    host = RecordedHost({"ss -Hltnp": lines})
    (problem,) = web_ports.taken(host, wanted("nginx", addresses=["127.0.0.1:8080", "[::1]:8080"]))
    assert problem.key == "port 8080" and "node" in problem.problem
