# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`opsctl recover` from disasters that were made on purpose, each with the first step that ends it.

The watchdog would be there first, so it is told that somebody works on the stack.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from conftest import NEUROCORE, containers, eventually, playbook, request, rows, sh, worked_on

GATE = "https://routes.apps.example.test"
DATABASE = ("neurocore", "database", "neurosurgery_kb", "neurosurgery_admin")


def recover(stack: str, upto: str) -> dict[str, Any]:
    """Its answer, when everybody agrees to each step up to this one."""
    answer: dict[str, Any] = json.loads(sh(f"opsctl recover --stack {stack} --yes {upto} --json || true"))
    return answer


def steps(stack: str, answer: dict[str, Any]) -> list[tuple[str, str]]:
    """Each step with how it went, after the look; the journal has each of them, too."""
    taken = [(step["step"], step["outcome"]) for step in answer["steps"] if step["step"] != "look"]
    journal = sh(f"opsctl history --stack {stack}")
    assert all(f"{step}: {outcome}" in journal for step, outcome in taken), taken
    return taken


def well(stack: str) -> bool:
    return sh(f"opsctl health --stack {stack} >/dev/null 2>&1; echo $?") == "0"


@pytest.mark.parametrize("disaster", ["stop --time 1", "kill", "rm --force"])
def test_containers_that_are_gone_are_started(disaster: str) -> None:
    """Stopped, killed or removed, all of a service at once."""
    with worked_on("gate"):
        sh(f"docker {disaster} {' '.join(containers('gate', 'echo'))}")
        answer = recover("gate", "restart")
    assert answer["recovered"] and steps("gate", answer) == [("restart", "well")]
    assert len(containers("gate", "echo")) == 2 and request(f"{GATE}/sticky").status == 200


def test_an_interrupted_deployment_is_brought_to_its_end() -> None:
    """SIGKILL while the new containers become healthy: what it began is finished or taken back, and nothing is left of it."""
    with worked_on("gate"):
        sh("opsctl deploy --stack gate --recreate echo --force >/dev/null 2>&1 & sleep 3; kill -s KILL $!")
        assert "interrupted at" in sh("opsctl status --stack gate", check=False)
        sh(f"docker stop --time 1 {containers('gate', 'web')[0]}")
        answer = recover("gate", "restart")
    assert answer["recovered"] and steps("gate", answer)[-1] == ("restart", "well")
    assert len(containers("gate", "echo")) == 2 and len(containers("gate", "web")) == 2


def test_a_release_that_went_bad_is_rolled_back() -> None:
    """Its containers stay unhealthy however often they are restarted."""
    live = json.loads(sh("cat /var/lib/latentum-ops/stacks/gate/live.json"))["live"]
    playbook("rolling_update", {"ops_only": "gate", "gate_revision": "2"})
    assert json.loads(sh("cat /var/lib/latentum-ops/stacks/gate/live.json"))["live"] != live
    with worked_on("gate"):
        for name in containers("gate", "echo"):
            sh(f"docker exec {name} touch /tmp/broken")
        eventually(lambda: not well("gate"), "it is unhealthy", 60)
        answer = recover("gate", "rollback")
    assert answer["recovered"] and steps("gate", answer) == [("restart", "not enough"), ("rollback", "well")], answer["steps"]
    assert json.loads(sh("cat /var/lib/latentum-ops/stacks/gate/live.json"))["live"] == live
    assert well("gate") and request(f"{GATE}/sticky").status == 200


def test_what_no_step_cures_is_said_and_nothing_is_tried() -> None:
    """nginx is down: no restart of containers helps, and a rollback would take traffic from one dead end to another."""
    name = containers("gate", "echo")[0]
    with worked_on("gate"):
        sh("systemctl stop nginx")
        try:
            sh(f"docker pause {name}")
            said = sh("opsctl recover --stack gate --yes rollback 2>&1 || true")
            assert "the host itself is in the way" in said and "nginx" in said
            assert sh(f"docker inspect -f '{{{{.State.Paused}}}}' {name}") == "true"
        finally:
            sh(f"systemctl start nginx; docker unpause {name}", check=False)
    eventually(lambda: well("gate"), "all is back", 60)


def test_a_database_whose_files_are_destroyed_is_restored() -> None:
    """A restart cannot start it, and the release before has the same files; the newest backup has what was written before it."""
    before = rows(*DATABASE, "SELECT count(*) FROM chapters")
    assert "can be restored" in sh("opsctl backup run --plan full --stack neurocore 2>&1", timeout=900)
    with worked_on("neurocore"):
        (name,) = containers("neurocore", "database")
        folder = sh(f"docker exec {name} sh -c 'echo $PGDATA'")
        sh(f"docker exec {name} rm -f {folder}/global/pg_control; docker kill {name}")
        answer = recover("neurocore", "restore")
    assert answer["recovered"], answer["steps"]
    taken = steps("neurocore", answer)
    assert [step for step, _outcome in taken] == ["restart", "rollback", "restore"] and taken[-1][1] == "well"
    assert rows(*DATABASE, "SELECT count(*) FROM chapters") == before
    assert request(f"https://{NEUROCORE}/").status == 200
    assert "interrupted" not in sh("opsctl releases --stack neurocore; opsctl status --stack neurocore")
    sh("opsctl restore confirm --stack neurocore")
