# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module: names in, names out; a plan in check mode, and refusals before anything."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils import basic
from ansible.module_utils.testing import patch_module_args
from ansible_collections.latentum.ops.plugins.module_utils.rotation.rolling import Rolling
from ansible_collections.latentum.ops.plugins.module_utils.rotation.rotating import Rotation
from ansible_collections.latentum.ops.plugins.modules import secret_rotation

from ..rotation.played import Played, places_in

Run = Callable[..., dict[str, Any]]


@pytest.fixture
def played(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Played:
    places_in(tmp_path, monkeypatch)
    made = Played(tmp_path)
    monkeypatch.setattr(secret_rotation, "Store", lambda _stack: made.store)
    monkeypatch.setattr(secret_rotation, "Journal", lambda _stack: made.journal)
    monkeypatch.setattr(Rolling, "strategies", lambda _self: {"api": "rolling"})
    monkeypatch.setattr(Rotation, "here", lambda _stack, **_more: made.rotation())
    return made


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], played: Played) -> Iterator[Run]:
    def call(check: bool = False, **given: Any) -> dict[str, Any]:
        with patch_module_args({"stack": played.store.stack, "_ansible_check_mode": check, **given}), pytest.raises(SystemExit):
            basic._ANSIBLE_PROFILE = "legacy"
            secret_rotation.main()
        answer: dict[str, Any] = json.loads(capsys.readouterr().out)
        return answer

    yield call


def test_check_mode_shows_the_plan_and_changes_nothing(run: Run, played: Played) -> None:
    answer = run(check=True, secrets=["all"])
    assert answer["changed"] and answer["rotated"] == []
    assert {row["secret"] for row in answer["plan"]} == {"database_password", "cache_password", "api_key", "session_key", "signing_key"}
    row = next(row for row in answer["plan"] if row["secret"] == "database_password")
    assert row["server"] == "database" and row["login"] == "app" and row["replaced"] == ["api (rolling)", "worker"]
    assert "database as app" in "\n".join(answer["table"])
    assert played.journal.read() == [] and played.rolls == 0


def test_it_rotates(run: Run, played: Played) -> None:
    answer = run(secrets=["session_key"])
    assert answer["changed"] and answer["rotated"] == ["session_key"] and answer["rolled"] == ["api: replaced"]
    assert played.first["session_key"] not in json.dumps(answer) and str(played.store.value("session_key")) not in json.dumps(answer)
    answer = run(state="finished", now=True)
    assert answer["changed"] and answer["shredded"] == ["session_key"]
    assert not run(state="finished")["changed"]


def test_nothing_is_due(run: Run, played: Played) -> None:
    answer = run(secrets=["due"])
    assert not answer["changed"] and answer["plan"] == [] and played.rolls == 0


def test_what_comes_from_outside(run: Run, played: Played) -> None:
    for check in (True, False):
        answer = run(check=check, secrets=["smtp_password"], values={"smtp_password": "from-a-vault-1"})
        assert answer["failed"] and "no other one came" in answer["msg"] and "from-a-vault" not in json.dumps({**answer, "invocation": ""})
    assert "smtp_password" in {
        row["secret"] for row in run(check=True, secrets=["all"], values={"smtp_password": "from-a-vault-2"})["plan"]
    }
    assert run(secrets=["smtp_password"], values={"smtp_password": "from-a-vault-2"})["rotated"] == ["smtp_password"]
    assert played.held["worker"]["smtp_password"] == "from-a-vault-2"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "write the names of secrets, or all, or due"),
        ({"secrets": ["nothing"]}, "nothing is no secret of this stack"),
        ({"secrets": ["database_url"]}, "is made of database_password; rotate that"),
        ({"secrets": ["all", "api_key"]}, "all is no secret of this stack"),
        ({"secrets": ["api_key"], "state": "gone"}, "value of state must be one of"),
    ],
)
def test_what_is_refused(run: Run, played: Played, given: dict[str, Any], message: str) -> None:
    answer = run(**given)
    assert answer["failed"] and message in answer["msg"]
    assert played.journal.read() == []
