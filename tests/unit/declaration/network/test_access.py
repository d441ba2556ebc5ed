# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What networks may reach beside them: declared, refused, and brought to the host within the project."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.container_access import Destination, HostPort, NetworkAccess, access_of
from ansible_collections.latentum.ops.plugins.module_utils.declaration import compose_project
from ansible_collections.latentum.ops.plugins.module_utils.declaration.loader import load, read

SERVICES = {"web": {"image": "web:1", "networks": ["backend", "theirs", "open"]}, "alone": {"image": "web:1"}}

NETWORKS = {"backend": None, "theirs": {"external": True}, "open": {"internal": False}}


def stack(networks: dict[str, Any]) -> dict[str, Any]:
    compose = {"services": SERVICES, "networks": {**NETWORKS, "unused": None}}
    return {"name": "shop", "compose": compose, "networks": networks}


def test_a_project_brings_it_to_the_host() -> None:
    declared = {"backend": {"host": [{"port": 9100}, {"port": 514, "protocol": "udp"}], "metadata": True}, "default": {}}
    project = compose_project.compose_project(load(stack(declared)))
    assert access_of(project) == [
        NetworkAccess("backend", (HostPort(9100), HostPort(514, "udp")), metadata=True),
        NetworkAccess("default"),
    ]
    assert project["networks"]["backend"] == {"internal": True}, "the network itself is what it was"


def test_what_lies_beyond_the_host() -> None:
    there = [{"to": "api.example.com", "port": 443}, {"to": "2001:db8::/32", "port": 123, "protocol": "udp"}]
    project = compose_project.compose_project(load(stack({"open": {"egress": there}})))
    (access,) = access_of(project)
    assert access.egress == (Destination("api.example.com", 443), Destination("2001:db8::/32", 123, "udp"))
    assert [(each.name, each.family) for each in access.egress] == [("api.example.com", ""), ("", "ip6")]


def test_a_project_without_any_is_as_it_was() -> None:
    project = compose_project.compose_project(load(stack({})))
    assert "x-latentum-ops" not in project and access_of(project) == []


@pytest.mark.parametrize(
    ("networks", "key", "words"),
    [
        ({"backand": {}}, "networks.backand", "did you mean backend?"),
        ({"unused": {}}, "networks.unused", "is no network that a service of the Compose file is in"),
        ({"theirs": {"metadata": True}}, "networks.theirs", "is external"),
        ({"backend": {"host": [{"port": 1}, {"port": 1, "protocol": "tcp"}]}}, "networks.backend.host[1]", "is said twice"),
        ({"backend": {"host": [{"protocol": "tcp"}]}}, "networks.backend.host[0].port", ""),
        ({"backend": {"host": [{"port": 70000}]}}, "networks.backend.host[0].port", "65535"),
        ({"backend": {"host": [9100]}}, "networks.backend.host[0]", "{port: 9100}"),
        ({"backend": {"metadata": "yes"}}, "networks.backend.metadata", "write true or false"),
        ({"backend": {"egress": [{"to": "api.example.com", "port": 443}]}}, "networks.backend.egress", "internal: false"),
        ({"open": {"egress": [{"to": "a.example.com", "port": 443}] * 2}}, "networks.open.egress[1]", "is said twice"),
        ({"open": {"egress": [{"to": "*.example.com", "port": 443}]}}, "networks.open.egress[0].to", "write each name"),
        ({"open": {"egress": [{"to": "https://a.example.com/x", "port": 443}]}}, "networks.open.egress[0].to", "write only the name"),
        ({"open": {"egress": [{"to": "a.example.com:443", "port": 443}]}}, "networks.open.egress[0].to", "has a port"),
        ({"open": {"egress": [{"to": "203.0.113.7/24", "port": 443}]}}, "networks.open.egress[0].to", "203.0.113.0/24"),
        ({"open": {"egress": [{"to": "300.1.2.3", "port": 443}]}}, "networks.open.egress[0].to", ""),
        ({"open": {"egress": [{"to": "a.example.com"}]}}, "networks.open.egress[0].port", ""),
        ({"open": {"egress": [{"to": "a.example.com", "port": 443, "protocol": "https"}]}}, "networks.open.egress[0].protocol", "tcp"),
        ({"open": {"egress": ["a.example.com"]}}, "networks.open.egress[0]", "{to: api.example.com, port: 443}"),
    ],
)
def test_what_is_refused(networks: dict[str, Any], key: str, words: str) -> None:
    found = [(problem.key, f"{problem.problem}: {problem.fix}") for problem in read(stack(networks))[1]]
    assert [problem for problem in found if problem[0] == key and words in problem[1]], found
