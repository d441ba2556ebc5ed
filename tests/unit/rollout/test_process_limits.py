# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A limit of processes that nobody declared replaces no container: those that stay are given it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.containers.api import EngineApi, EngineError, NotFound
from ansible_collections.latentum.ops.plugins.module_utils.containers.client import Container, Engine
from ansible_collections.latentum.ops.plugins.module_utils.contracts.process_limit import DEFAULT

from .played_host import PlayedHost, declared
from .samples import container


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PlayedHost:
    return PlayedHost(tmp_path, monkeypatch)


def test_an_upgrade_keeps_the_containers_and_limits_them(host: PlayedHost) -> None:
    host.deploy(declared(web={}, db={"deploy": {"resources": {"limits": {"memory": "1g"}}}}))
    before = host.ids()
    limits = {"memory": "1g", "pids": DEFAULT}
    outcome = host.deploy(declared(web={"pids_limit": DEFAULT}, db={"deploy": {"resources": {"limits": limits}}}))
    assert outcome.plans == [] and host.ids() == before
    assert host.limited == dict.fromkeys(before, DEFAULT)


def test_a_declared_limit_is_a_change_like_any_other(host: PlayedHost) -> None:
    host.deploy(declared(web={}))
    before = host.ids()
    host.deploy(declared(web={"pids_limit": 64}))
    assert host.ids() != before and host.limited[host.ids()[0]] == 64


def test_what_the_engine_refuses_takes_no_release_back(host: PlayedHost, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_one: Container, _limit: int) -> None:
        raise EngineError("the kernel has no such controller")

    monkeypatch.setattr(host, "limit_processes", refuse)
    outcome = host.deploy(declared(web={}))
    assert [line for line in outcome.lines if "keeps the limit of processes" in line and "no such controller" in line]


@pytest.mark.parametrize(("there", "limit", "asked"), [(None, 0, None), (-1, 0, None), (9, 9, None), (None, 9, 9), (9, 0, -1)])
def test_the_engine_is_asked_only_for_another_limit(
    there: int | None, limit: int, asked: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests: list[Any] = []
    monkeypatch.setattr(EngineApi, "ping", lambda _api: None)
    monkeypatch.setattr(EngineApi, "inspect_container", lambda _api, _identity: {"HostConfig": {"PidsLimit": there}})
    monkeypatch.setattr(EngineApi, "update", lambda _api, _identity, resources: requests.append(resources["PidsLimit"]))
    Engine().limit_processes(container("web"), limit)
    assert requests == ([] if asked is None else [asked])


def test_one_that_has_gone_is_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(_api: EngineApi, _identity: str) -> None:
        raise NotFound("gone", 404)

    monkeypatch.setattr(EngineApi, "ping", lambda _api: None)
    monkeypatch.setattr(EngineApi, "inspect_container", gone)
    Engine().limit_processes(container("web"), 9)
