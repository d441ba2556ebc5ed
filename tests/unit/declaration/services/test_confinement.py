# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Limits and confinement: the Compose file's own word stays, everything else is as it is declared."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts import process_limit
from ansible_collections.latentum.ops.plugins.module_utils.declaration import compose_project
from ansible_collections.latentum.ops.plugins.module_utils.declaration.loader import load, read

STACK: dict[str, Any] = {"name": "shop", "compose": {"services": {"web": {"image": "web:1"}}}}


def stack(written: dict[str, Any], **declared: Any) -> dict[str, Any]:
    return {**STACK, "compose": {"services": {"web": {"image": "web:1", **written}}}, "services": {"web": declared}}


def made(written: dict[str, Any], **declared: Any) -> dict[str, Any]:
    service = compose_project.compose_project(load(stack(written, **declared)))["services"]["web"]
    keys = ("pids_limit", "mem_limit", "cpus", "deploy", "cap_drop", "cap_add", "read_only", "tmpfs")
    return {key: service[key] for key in keys if key in service}


def problems(written: dict[str, Any], **declared: Any) -> list[tuple[str, str]]:
    return [(problem.key, f"{problem.problem}: {problem.fix}") for problem in read(stack(written, **declared))[1]]


DEPLOYED = {"deploy": {"resources": {"limits": {"memory": "1g"}}}}


@pytest.mark.parametrize(
    ("written", "declared", "result"),
    [
        ({}, {}, {"pids_limit": process_limit.DEFAULT}),
        ({}, {"limits": {"pids": 512, "memory": "512m", "cpus": "1.5"}}, {"pids_limit": 512, "mem_limit": "512m", "cpus": 1.5}),
        ({}, {"limits": {"pids": 0}}, {}),
        ({"pids_limit": 64}, {}, {"pids_limit": 64}),
        ({"pids_limit": -1}, {}, {"pids_limit": -1}),
        ({"pids_limit": "${NONE:-77}"}, {}, {"pids_limit": "${NONE:-77}"}),
        ({"mem_limit": "1g"}, {"limits": {"cpus": 2}}, {"mem_limit": "1g", "cpus": 2.0, "pids_limit": process_limit.DEFAULT}),
        # Compose takes limits of both kinds together for a contradiction.
        (DEPLOYED, {"limits": {"cpus": 2}}, {"deploy": {"resources": {"limits": {"memory": "1g", "cpus": "2.0", "pids": 4096}}}}),
        (
            {"deploy": {"resources": {"limits": {"pids": 9}}}},
            {"limits": {"memory": "1g"}},
            {"deploy": {"resources": {"limits": {"pids": 9, "memory": "1g"}}}},
        ),
        (
            {},
            {"limits": {"pids": 0}, "confinement": {"capabilities": ["cap_chown", "NET_BIND_SERVICE"]}},
            {"cap_drop": ["ALL"], "cap_add": ["CHOWN", "NET_BIND_SERVICE"]},
        ),
        (
            {},
            {"limits": {"pids": 0}, "confinement": {"capabilities": [], "read_only": True, "tmpfs": ["/run", "/var/tmp:size=9m"]}},
            {"cap_drop": ["ALL"], "read_only": True, "tmpfs": ["/run", "/var/tmp:size=9m"]},
        ),
        ({"cap_drop": ["NET_RAW"]}, {"limits": {"pids": 0}}, {"cap_drop": ["NET_RAW"]}),
    ],
)
def test_what_becomes_of_a_service(written: dict[str, Any], declared: dict[str, Any], result: dict[str, Any]) -> None:
    assert problems(written, **declared) == []
    assert made(written, **declared) == result


@pytest.mark.parametrize(
    ("written", "declared", "key", "words"),
    [
        ({"mem_limit": "1g"}, {"limits": {"memory": "2g"}}, "services.web.limits.memory", "compose.services.web.mem_limit"),
        (DEPLOYED, {"limits": {"memory": "2g"}}, "services.web.limits.memory", "deploy.resources.limits.memory"),
        ({"pids_limit": 5}, {"limits": {"pids": 6}}, "services.web.limits.pids", "pids_limit"),
        ({"cpu_quota": 50000}, {"limits": {"cpus": 1}}, "services.web.limits.cpus", "cpu_quota"),
        ({"cap_add": ["SYS_NICE"]}, {"confinement": {"capabilities": []}}, "services.web.confinement.capabilities", "cap_add"),
        ({"read_only": True}, {"confinement": {"read_only": True}}, "services.web.confinement.read_only", "read_only"),
        ({"read_only": True, "tmpfs": "/run"}, {"confinement": {"tmpfs": ["/run"]}}, "services.web.confinement.tmpfs", "tmpfs"),
        ({}, {"confinement": {"tmpfs": ["/run"]}}, "services.web.confinement.tmpfs", "add read_only: true"),
        (
            {},
            {"confinement": {"capabilities": ["NET_BIND_SERVICES"]}},
            "services.web.confinement.capabilities[0]",
            "did you mean NET_BIND_SERVICE?",
        ),
        ({}, {"confinement": {"capabilities": ["ALL"]}}, "services.web.confinement.capabilities[0]", "keeps what should be dropped"),
        ({}, {"confinement": {"read_only": True, "tmpfs": ["run"]}}, "services.web.confinement.tmpfs[0]", "write a path such as"),
        ({}, {"limits": {"memory": "1m"}}, "services.web.limits.memory", "write at least 6m"),
        ({}, {"limits": {"memory": "much"}}, "services.web.limits.memory", "is not a size"),
        ({}, {"limits": {"pids": -1}}, "services.web.limits.pids", "write a number from 0"),
        ({}, {"limits": {"cpus": 0}}, "services.web.limits.cpus", ""),
    ],
)
def test_what_is_refused(written: dict[str, Any], declared: dict[str, Any], key: str, words: str) -> None:
    found = problems(written, **declared)
    assert [problem for problem in found if problem[0] == key and words in problem[1]], found
