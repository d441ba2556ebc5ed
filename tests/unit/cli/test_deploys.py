# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""opsctl deploys, approve and whatruns, on a host that is played."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.delivery import DeliverySettings
from ansible_collections.latentum.ops.plugins.module_utils.core import paths
from ansible_collections.latentum.ops.plugins.module_utils.delivery import overview
from ansible_collections.latentum.ops.plugins.module_utils.delivery import settings as delivery_settings
from ansible_collections.latentum.ops.plugins.module_utils.delivery.entry import State
from ansible_collections.latentum.ops.plugins.module_utils.delivery.queue import Queue
from ansible_collections.latentum.ops.plugins.module_utils.delivery.request import Request
from ansible_collections.latentum.ops.plugins.module_utils.release.journal import LIVE, Journal
from ansible_collections.latentum.ops.plugins.module_utils.release.store import GOOD, Release, Store

from . import host

ONE, OTHER = "ab12" + "0" * 28, "cd34" + "0" * 28
API = "registry.example.com/acme/api:1.4.3@sha256:" + "ab" * 32


@pytest.fixture
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Queue:
    host.point_to(tmp_path, monkeypatch.setattr)
    monkeypatch.setattr(paths, "DELIVERIES", tmp_path / "delivery")
    monkeypatch.setattr(paths, "DELIVERED", tmp_path / "releases")
    monkeypatch.setattr(delivery_settings, "FOLDER", tmp_path / "etc-delivery")
    monkeypatch.setenv("SUDO_USER", "bob")
    monkeypatch.delenv("LATENTUM_OPS_WHO", raising=False)
    (tmp_path / "etc-delivery").mkdir()
    declared = DeliverySettings("shop", services={"api": "registry.example.com/acme/api"}, address="https://deploy.example.com")
    delivery_settings.file_of("shop").write_text(json.dumps(declared.to_dict()))
    host.declare(tmp_path, "shop", "api")
    host.declare(tmp_path, "blog", "web")
    made = Queue()
    made.prepare()
    for identity, stack in ((ONE, "shop"), (OTHER, "blog")):
        wanted = Request(stack, "github", "acme/shop", "tag", "v1.4.3", who="alice")
        made.add(identity, wanted, State.APPROVAL, time.time(), images={"api": API}, expires=time.time() + 999, attempt=identity)
    return made


def answer(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any]:
    status = host.run([*words, "--json"])
    return status, json.loads(capsys.readouterr().out)


def test_what_came_is_listed(queue: Queue, capsys: pytest.CaptureFixture[str]) -> None:
    _status, told = answer(capsys, "deploys", "--stack", "shop")
    assert [(one["id"], one["state"]) for one in told["deploys"]] == [(ONE, "waiting for approval")]
    assert host.run(["deploys", "--stack", "shop"]) == 0 and "tag v1.4.3 of acme/shop" in capsys.readouterr().out
    _status, told = answer(capsys, "deploys", "show", "ab12", "--stack", "shop")
    assert told["images"] == {"api": API} and told["attempt"] == ONE


def test_status_shows_what_waits_of_its_stack(queue: Queue) -> None:
    (waiting,) = overview.not_ended("shop")
    assert overview.sentence(waiting) == f"delivery {ONE[:8]} for shop: tag v1.4.3 of acme/shop, by alice: waiting for approval"
    assert len(overview.not_ended()) == 2
    entry = queue.find(ONE)
    entry.state = State.SUCCEEDED
    queue.save(entry)
    assert overview.not_ended("shop") == []


def test_one_of_another_stack_is_none(queue: Queue, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["deploys", "show", "cd34"], ["approve", "cd34"], ["approve", "zz"]):
        assert host.run([*words, "--stack", "shop"]) == 1
        assert "opsctl deploys" in capsys.readouterr().err
    assert queue.find(OTHER).approvals == []


def test_an_approval_has_the_name_of_whoever_gave_it(queue: Queue, capsys: pytest.CaptureFixture[str]) -> None:
    status, told = answer(capsys, "approve", "ab12", "--stack", "shop")
    assert (status, told["state"], told["reason"]) == (0, "waiting", "approved by bob")
    assert host.run(["approve", "ab12", "--stack", "shop"]) == 1 and "does not wait" in capsys.readouterr().err


def test_a_link_approves_nothing_itself(queue: Queue, capsys: pytest.CaptureFixture[str]) -> None:
    _status, told = answer(capsys, "approve", "ab12", "--link", "carol", "--for", "2h", "--stack", "shop")
    assert told["link"].startswith(f"https://deploy.example.com/approve/{ONE}?who=carol&expires=") and not queue.find(ONE).approvals
    assert host.run(["approve", "ab12", "--link", "carol", "--for", "30d", "--stack", "shop"]) == 2


def test_what_runs(queue: Queue, capsys: pytest.CaptureFixture[str]) -> None:
    release = Release("shop", "/opt/shop", {"services": {"api": {"image": API}}}, {}, [], [], [], images={"api": API}, state=GOOD)
    Store("shop").save(release)
    Store("shop").set_live(release.id)
    Journal("shop").write(attempt="x", kind="deploy", release=release.id, step=LIVE, who="dora (pid 7)")
    status, told = answer(capsys, "whatruns", "--stack", "shop")
    (one,) = told["stacks"]
    assert status == 0 and (one["release"], one["who"], one["images"]["api"]["tag"], one["differing"]) == (release.id, "dora", "1.4.3", [])
    assert one["since"]
    assert host.run(["whatruns", "--stack", "shop"]) == 0 and "1.4.3" in capsys.readouterr().out
