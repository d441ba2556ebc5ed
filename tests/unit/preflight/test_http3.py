# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP/3 on a host: an nginx that has it, and a port that is free."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.nginx.features import parse
from ansible_collections.latentum.ops.plugins.module_utils.preflight.http3 import free, spoken

from .hosts import RecordedHost, wanted
from .test_web_ports import Containers

OLD = "nginx version: nginx/1.22.1\nconfigure arguments: --with-http_ssl_module --with-http_v2_module"
NEW = "nginx version: nginx/1.26.3\nconfigure arguments: --with-http_ssl_module --with-http_v2_module --with-http_v3_module"
POLICY = "nginx:\n  Installed: (none)\n  Candidate: %s\n  Version table:\n"
ON = wanted("nginx", http3=True, source="distribution")


def found(outputs: dict[str, str], **values: Any) -> list[str]:
    return [
        str(problem) for problem in spoken(RecordedHost(outputs), wanted("nginx", **{"http3": True, "source": "distribution", **values}))
    ]


def test_the_module_is_read_from_the_build() -> None:
    assert parse(NEW).http3 and not parse(OLD).http3


@pytest.mark.parametrize(
    ("outputs", "text"),
    [
        ({"nginx -V": OLD}, "nginx 1.22.1 of this host has no ngx_http_v3_module"),
        ({"apt-cache policy nginx": POLICY % "1.22.1-9+deb12u3"}, "this distribution has nginx 1.22.1"),
        ({"apt-cache policy nginx": POLICY % "1.24.0-2ubuntu7.5"}, "this distribution has nginx 1.24.0"),
    ],
)
def test_an_nginx_without_it_is_refused(outputs: dict[str, str], text: str) -> None:
    (problem,) = found(outputs)
    assert text in problem and "nginx_source: nginx" in problem
    assert not found(outputs, source="nginx"), "this run brings another one"
    assert not found(outputs, http3=False)


@pytest.mark.parametrize(
    "outputs",
    [{"nginx -V": NEW}, {"apt-cache policy nginx": POLICY % "1.26.3-3+deb13u1"}, {"apt-cache policy nginx": POLICY % "(none)"}, {}],
)
def test_one_with_it_or_that_nobody_knows_yet_is_not(outputs: dict[str, str]) -> None:
    assert found(outputs) == []


def test_who_else_has_the_port() -> None:
    caddy = {"Names": ["/caddy"], "Ports": [{"PublicPort": 443, "Type": "udp"}]}
    (problem,) = free(RecordedHost(engine=Containers(caddy)), ON)
    assert (problem.key, "container caddy publishes it" in problem.problem) == ("port 443/udp", True)
    line = 'UNCONN 0 0 0.0.0.0:%d 0.0.0.0:* users:(("%s",pid=7,fd=5))'
    (problem,) = free(RecordedHost({"ss -Hlunp": line % (443, "openvpn")}), ON)
    assert "openvpn (process 7) listens there" in problem.problem
    assert not list(free(RecordedHost({"ss -Hlunp": line % (443, "nginx")}), ON)), "ours, in a later run"
    assert not list(
        free(RecordedHost({"ss -Hlunp": line % (4433, "x")}, engine=Containers({"Ports": [{"PublicPort": 443, "Type": "tcp"}]})), ON)
    )
    assert not list(free(RecordedHost(engine=Containers(caddy)), wanted("nginx", http3=False)))
