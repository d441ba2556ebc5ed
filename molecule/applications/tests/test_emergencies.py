# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operator does when something burns, on a host with two applications: check, recover, isolate, the timeline, a complete reset."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest
from conftest import CLIENT, HOST, MARKET, NEUROCORE, containers, eventually, execute, playbook, playbook_command, request, sh

STACKS = ("market-ml", "neurocore")


def checked(*words: str) -> dict[str, Any]:
    """What `opsctl check` says; its exit status is in it."""
    answer: dict[str, Any] = json.loads(sh(f"opsctl check --json {' '.join(words)} || true"))
    return answer


def reaches(url: str) -> bool:
    """The client on the network gets an answer."""
    argv = ["docker", "exec", CLIENT, "curl", "-sS", "--max-time", "5", "--cacert", "/tmp/apps-root.pem", "-o", "/dev/null", url]
    return execute(argv, timeout=60).returncode == 0


def test_all_is_well_and_every_route_was_asked() -> None:
    playbook("backup")  # the first one of both
    answer = checked()
    assert [row for row in answer["checks"] if row["state"] == "critical"] == []
    asked = {row["name"] for row in answer["checks"] if row["area"] in ("route", "site")}
    assert {NEUROCORE, f"{NEUROCORE}/api/search/"} <= asked  # a path and the one with a slash are one route
    assert {row["stack"] for row in answer["checks"]} >= set(STACKS)


@pytest.mark.parametrize("stack", STACKS)
def test_one_stack_is_checked_alone(stack: str) -> None:
    assert {row["stack"] for row in checked("--stack", stack)["checks"]} == {"", stack}


def test_a_service_that_hangs_is_critical_and_recovered_by_a_restart() -> None:
    name = containers("neurocore", "frontend")[0]
    sh("opsctl maintenance on --stack neurocore --reason 'a test of recovering' --for 10m")  # the watchdog would be first
    try:
        sh(f"docker pause {name}")
        row = next(row for row in checked("--stack", "neurocore")["checks"] if row["name"] == "frontend")
        assert (row["state"], row["runbook"]) in [("critical", "service-not-responding"), ("warning", "service-not-responding")]
        answer = json.loads(sh("opsctl recover --stack neurocore --yes restart --json"))
        assert answer["recovered"] and [step["step"] for step in answer["steps"]] == ["look", "restart"]
    finally:
        sh(f"docker unpause {name}; opsctl maintenance off --stack neurocore", check=False)
    assert "recover" in sh("opsctl history --stack neurocore")


def test_without_anybody_who_agrees_nothing_is_done() -> None:
    name = containers("neurocore", "frontend")[0]
    sh("opsctl maintenance on --stack neurocore --reason 'a test of recovering' --for 10m")
    try:
        sh(f"docker pause {name}")
        assert sh("opsctl recover --stack neurocore >/dev/null 2>&1; echo $?") == "3"
        assert sh(f"docker inspect -f '{{{{.State.Paused}}}}' {name}") == "true"
    finally:
        sh(f"docker unpause {name}; opsctl maintenance off --stack neurocore", check=False)


def test_every_runbook_is_on_the_host() -> None:
    pages = json.loads(sh("opsctl runbook --json"))["pages"]
    assert len(pages) >= 15
    assert "opsctl check" in sh("opsctl runbook system-failure")


def test_the_steps_of_a_deployment_are_told() -> None:
    # The watchdog may still be healing what was paused for too long, and holds the stack's lock while it does.
    answer = json.loads(sh("opsctl deploy --stack neurocore --recreate frontend --no-backup --wait 120 --json"))
    assert [step["number"] for step in answer["steps"]] == list(range(1, 9))
    assert "5/8 rollout" in sh("opsctl history --stack neurocore")


def test_the_timeline_has_what_was_done() -> None:
    page = sh("opsctl incident --since 2h --stack neurocore")
    assert "| recover | neurocore |" in page and "| deployment | neurocore |" in page


class TestIsolated:
    """One isolation, begun by the playbook over SSH, whose connection stays."""

    @pytest.fixture(scope="class", autouse=True)
    def _isolated(self) -> Any:
        held = subprocess.Popen(  # a client that is connected while it happens
            [
                "docker",
                "exec",
                CLIENT,
                "curl",
                "-sS",
                "--max-time",
                "120",
                "--limit-rate",
                "1",
                "-k",
                "-o",
                "/dev/null",
                f"https://{NEUROCORE}/",
            ]
        )
        assert reaches(f"https://{NEUROCORE}/") and reaches(f"https://{MARKET}/")
        playbook("isolate", {"isolate_reason": "a test", "isolate_for": "20m", "isolate_fetch": "/tmp/latentum-ops-evidence"})
        yield
        held.kill()
        playbook("isolate", {"isolate": "undo"})

    def test_nobody_gets_in(self) -> None:
        assert not reaches(f"https://{NEUROCORE}/") and not reaches(f"https://{MARKET}/")

    def test_nothing_gets_out_of_host_or_containers(self) -> None:
        for script in ("getent ahostsv4 example.com", f"docker exec {containers('neurocore', 'api')[0]} getent ahostsv4 example.com"):
            assert sh(f"timeout 10 {script} >/dev/null 2>&1; echo $?") != "0"

    def test_ansible_still_comes_in_and_containers_run(self) -> None:
        done = execute(playbook_command("status"))
        assert done.returncode == 0, done.stdout
        answer = checked()
        assert not [row for row in answer["checks"] if row["area"] == "service" and row["state"] != "ok"]
        assert "host isolation" in {f"{row['area']} {row['name']}" for row in answer["checks"] if row["state"] == "critical"}

    def test_the_evidence_is_for_root_alone_complete_and_without_secrets(self) -> None:
        archive = sh("ls /var/lib/latentum-ops/evidence/*.tar.gz | tail -1")
        assert sh(f"stat -c '%a %U' {archive}") == "600 root"
        sh(f"cd $(mktemp -d) && tar xzf {archive} && cd evidence-* && sha256sum --quiet -c MANIFEST.sha256")
        for stack in STACKS:
            values = f"cat /etc/latentum-ops/secrets/{stack}/*password* 2>/dev/null"
            assert sh(f"bash -c 'tar xzOf {archive} | grep -acFf <({values}) || true'") == "0"

    def test_the_watchdog_tells_it_and_heals_nothing(self) -> None:
        eventually(lambda: "isolation" in sh("opsctl incidents --json"), "the watchdog knows", 60)
        name = containers("neurocore", "frontend")[0]
        sh(f"docker pause {name}")
        try:
            sh("sleep 30")
            assert sh(f"docker inspect -f '{{{{.State.Paused}}}}' {name}") == "true"
        finally:
            sh(f"docker unpause {name}")

    def test_no_firewall_policy_goes_into_it(self) -> None:
        done = execute([*playbook_command("site"), "--tags", "firewall"])
        assert done.returncode != 0 and "isolated" in done.stdout + done.stderr

    def test_once_confirmed_it_is_loaded_at_boot(self) -> None:
        playbook("isolate", {"isolate": "confirm"})
        assert json.loads(sh("opsctl isolate --show --json || true"))["until"] == 0
        assert sh("systemctl is-enabled latentum-ops-isolation.service") == "enabled"


def test_after_it_everything_is_as_before() -> None:
    assert "OPS-ISOLATE" not in sh("iptables -S; ip6tables -S")
    eventually(lambda: reaches(f"https://{NEUROCORE}/"), "clients are answered again", 60)
    assert request(f"https://{NEUROCORE}/").status == 200


def test_an_isolation_ends_by_itself() -> None:
    gateway = sh("ip route | awk '/^default/ {print $3; exit}'")
    sh(f"opsctl isolate --yes --for 1m --no-evidence --reason 'a test' --operator {gateway}")
    assert not reaches(f"https://{NEUROCORE}/")
    eventually(lambda: reaches(f"https://{NEUROCORE}/"), "it ended", 120)
    assert sh("opsctl isolate --show") == "this host is not isolated"


def test_a_reset_wants_the_name_twice_and_no_production() -> None:
    for more, message in (
        ({"ops_stack_name": "neurocore"}, "write its name twice"),
        (
            {"ops_stack_name": "neurocore", "reset_database_confirm": "neurocore", "ops_environment": "production"},
            "production is not reset",
        ),
        ({"ops_stack_name": "neurocore", "reset_database_confirm": "neurocore", "ops_protected": True}, "production is not reset"),
    ):
        done = execute(playbook_command("reset_database", more))
        assert done.returncode != 0 and message in done.stdout + done.stderr
    assert HOST and containers("neurocore", "database")
