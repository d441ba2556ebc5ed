# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Compose would refuse on the host only: names of nothing, unknown keys, circles."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.compose.model import parse
from ansible_collections.latentum.ops.plugins.module_utils.contracts.update_safety import unsafe
from ansible_collections.latentum.ops.plugins.module_utils.declaration.loader import problems as declaration_problems
from ansible_collections.latentum.ops.plugins.module_utils.schema.nodes import Problem

from ..declaration.samples import changed, put

FILE: dict[str, Any] = {
    "services": {
        "web": {"image": "a:1", "volumes": ["data:/d", "./x:/x", "/y:/y", {"type": "tmpfs", "target": "/t"}], "configs": ["site"]},
        "db": {"image": "b:1", "networks": ["inner", "default"], "depends_on": ["web"], "ipc": "shareable"},
    },
    "volumes": {"data": None},
    "networks": {"inner": None},
    "configs": {"site": {"content": "x"}},
}
WEB = "services.web"


def found(*changes: tuple[str, Any]) -> list[Problem]:
    document, problems = copy.deepcopy(FILE), []
    for path, value in changes:
        put(document, path, value)
    parse(document, {}, problems)
    return problems


def test_a_file_without_faults() -> None:
    assert found() == []


@pytest.mark.parametrize(
    ("path", "value", "key", "problem", "fix"),
    [
        (f"{WEB}.volumes", ["date:/d"], f"{WEB}.volumes", "mounts a volume", "did you mean data?"),
        (
            f"{WEB}.volumes",
            [{"type": "volume", "source": "files", "target": "/d"}],
            f"{WEB}.volumes",
            "mounts a volume",
            "add files: under",
        ),
        (f"{WEB}.configs", ["other"], f"{WEB}.configs", "uses a config", "add other: under configs:"),
        (f"{WEB}.configs", [{"source": "sight", "target": "/c"}], f"{WEB}.configs", "uses a config", "did you mean site?"),
        ("services.db.networks", ["outer"], "services.db.networks", "joins a network", "add outer:"),
        ("services.db.depends_on", ["nobody"], "services.db.depends_on", "depends on a service", "remove it"),
        ("services.db.network_mode", "service:nobody", "services.db.network_mode", "depends on a service", "remove it"),
        ("services.db.ipc", "service:nobody", "services.db.ipc", "depends on a service", "remove it"),
        ("services.db.volumes_from", ["nobody:ro", "container:x"], "services.db.volumes_from", "depends on a service", "remove it"),
        ("services.db.links", ["wbe:alias"], "services.db.links", "depends on a service", "did you mean web?"),
        ("services.db.network_mode", "host", "services.db.network_mode", "cannot stand beside networks", "remove one"),
        (f"{WEB}.depends_on", ["db"], f"{WEB}.depends_on", "waits for itself", "remove one"),
        (f"{WEB}.depends_on", ["web"], f"{WEB}.depends_on", "waits for itself", "remove one"),
        (f"{WEB}.network_mode", "service:db", f"{WEB}.depends_on", "waits for itself", "remove one"),
        ("services.db.depends_on", {"web": None}, "services.db.depends_on.web", "is empty", "write {condition: service_started}"),
        (f"{WEB}.foo", 1, f"{WEB}.foo", "is not a key of a Compose file here", "remove it"),
        (f"{WEB}.restrat", "always", f"{WEB}.restrat", "is not a key of a Compose file here", "did you mean restart?"),
        (f"{WEB}.healthcheck", {"test": "x", "intervall": "5s"}, f"{WEB}.healthcheck.intervall", "is not a key", "did you mean interval?"),
        (f"{WEB}.deploy", {"replcas": 2}, f"{WEB}.deploy.replcas", "is not a key", "did you mean replicas?"),
        ("networks.inner", {"driver_options": {}}, "networks.inner.driver_options", "is not a key", "did you mean driver_opts?"),
        ("volume", {}, "volume", "is not a key", "did you mean volumes?"),
        (f"{WEB}.provider", {"type": "model"}, f"{WEB}.provider", "is not supported here", "run it as a service with an image"),
    ],
)
def test_what_compose_would_refuse_on_the_host(path: str, value: Any, key: str, problem: str, fix: str) -> None:
    first = found((path, value))[0]
    assert first.key == f"compose.{key}"
    assert first.problem.startswith(problem)
    assert first.fix.startswith(fix)


def test_each_circle_is_said_once() -> None:
    services = {name: {"image": "a:1", "depends_on": [after]} for name, after in ("ab", "bc", "ca", "da", "ed", "fg", "gf")}
    problems: list[Problem] = []
    parse({"services": services}, {}, problems)
    assert [problem.value for problem in problems] == ["a -> b -> c -> a", "f -> g -> f"]


def test_extensions_are_nobodys_business() -> None:
    assert found(("x-top", 1), (f"{WEB}.x-own", {"a": 1}), (f"{WEB}.deploy", {"x-more": 1}), ("networks.inner", {"x-net": 1})) == []


@pytest.mark.parametrize(
    ("keys", "fixed"),
    [
        ({"networks": {"inner": {"ipv4_address": "10.0.0.5"}}}, "ipv4_address: 10.0.0.5"),
        ({"networks": {"inner": {"ipv6_address": "fd00::5"}}}, "ipv6_address: fd00::5"),
        ({"networks": {"inner": {"mac_address": "02:42:ac:11:00:02"}}}, "mac_address: 02:42:ac:11:00:02"),
        ({"mac_address": "02:42:ac:11:00:02"}, "mac_address: 02:42:ac:11:00:02"),
        ({"networks": {"inner": {"aliases": ["x"]}, "default": None}}, ""),
    ],
)
def test_an_address_that_only_one_container_can_have(keys: dict[str, Any], fixed: str) -> None:
    document = copy.deepcopy(FILE)
    document["services"]["web"] |= {"healthcheck": {"test": ["CMD", "true"]}, "volumes": [], **keys}
    web = parse(document, {}, []).services["web"]
    assert web.fixed_addresses == ((fixed,) if fixed else ())
    assert len(unsafe(web, "rolling", ())) == bool(fixed)
    assert unsafe(web, "recreate", ()) == []


def test_an_address_is_no_address_of_two_replicas() -> None:
    fixed = ("compose.services.web.networks", {"backend": {"ipv4_address": "10.0.0.5"}})
    two = declaration_problems(changed(fixed))
    assert [problem.key for problem in two] == ["services.web.replicas"]
    assert declaration_problems(changed(fixed, ("services.web.replicas", 1))) == ()
