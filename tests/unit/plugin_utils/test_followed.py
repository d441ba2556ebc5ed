# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Actions that follow detached work: what people see of it, and what they are told of its end."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleConnectionFailure
from ansible_collections.latentum.ops.plugins.action.compose_rollout import ActionModule
from ansible_collections.latentum.ops.plugins.plugin_utils import followed


class Rollout(ActionModule):
    """The action with a host that gives these answers, one a call; an exception is raised."""

    def __init__(self, *answers: Any) -> None:
        self.answers, self.calls = list(answers), []
        self._connection = SimpleNamespace(reset=lambda: None)

    def _execute_module(self, **call: Any) -> Any:
        self.calls.append(call)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def outcome(self) -> dict[str, Any]:
        begun = self._execute_module(module_name=self.module)
        job = {"stack": "shop", "attempt": "one", "process": begun["process"]}
        return self._follow(job, begun["look"], {"inventory_hostname": "web1"})


def look(*lines: str, **more: Any) -> dict[str, Any]:
    return {"process": 4711, "look": {"lines": list(lines), "offset": len(lines), "alive": True, "silent_for": 0.0, "result": None, **more}}


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    shown: list[str] = []
    monkeypatch.setattr(followed, "display", SimpleNamespace(display=shown.append))
    monkeypatch.setattr(followed, "PATIENCE", 0)
    return shown


def test_lines_are_shown_as_they_come_and_the_table_at_the_end(screen: list[str]) -> None:
    action = Rollout(look("pull"), look(), look("start", result={"changed": True, "table": "api 2\nweb 1"}))
    assert action.outcome()["changed"]
    assert screen == ["  web1 pull", "  web1 start", "  web1 api 2", "  web1 web 1"]
    assert [call["module_name"] for call in action.calls] == ["latentum.ops.compose_rollout", *["latentum.ops.job_progress"] * 2]
    assert [call["module_args"]["offset"] for call in action.calls[1:]] == [1, 0]


def test_what_is_over_at_the_first_look_takes_one_call(screen: list[str]) -> None:
    action = Rollout(look(result={"changed": False, "table": "api 2"}, alive=False))
    assert action.outcome() == {"changed": False, "table": "api 2"}
    assert (len(action.calls), screen) == (1, [])


def test_a_process_that_is_gone_is_told_as_it_was_seen(screen: list[str]) -> None:
    result = Rollout(look("[ 3 s] api: start 2"), look(alive=False, silent_for=41.4)).outcome()
    assert result["failed"]
    assert result["msg"] == (
        "rollout: process 4711 is not on the host any more and left no result; its last line came 41 s before: [ 3 s] api: start 2."
        " Traffic is where it was; the next run finishes the rollout or takes it back."
    )
    assert "it had not written a line" in Rollout(look(alive=False, silent_for=None)).outcome()["msg"]


def test_a_broken_connection_is_tried_again(screen: list[str]) -> None:
    action = Rollout(look("pull"), AnsibleConnectionFailure("gone"), look("start", result={"changed": False}))
    assert action.outcome() == {"changed": False}
    assert screen == ["  web1 pull", "  web1 the connection is lost; trying again, the work goes on", "  web1 start"]


def test_a_look_that_fails_ends_with_its_message(screen: list[str]) -> None:
    assert Rollout(look("pull"), {"failed": True, "msg": "no space left"}).outcome() == {"failed": True, "msg": "no space left"}
