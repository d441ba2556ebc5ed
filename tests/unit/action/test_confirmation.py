# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Protected environments: the playbooks that destroy or deploy go on by the environment's name only, and say so before anything else."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.latentum.ops.plugins.module_utils.contracts.host_environment import HostEnvironment
from ansible_collections.latentum.ops.plugins.plugin_utils.confirmation import Refusal, environment_from, require_confirmed
from ansible_runs import AnsibleRuns

ROOT = Path(__file__).parents[3]
PLAYBOOKS = {path.stem: yaml.load(path.read_text(), yaml.CSafeLoader) for path in (ROOT / "playbooks").glob("*.yml")}
# What neither destroys nor deploys. A new playbook is here, or asks first.
# Isolation is for the moment in which nobody looks up names; it says which hosts are meant, and ends by itself.
FREE = {
    "adopt",
    "backup",
    "check",
    "diff_environments",
    "incident",
    "init",
    "isolate",
    "maintenance",
    "report",
    "slo",
    "status",
    "vulnerabilities",
}
FREE |= {"access"}  # whoever leaves must be out before anybody has looked up how an environment is confirmed
PRODUCTION = {"ops_environment": "production", "ops_protected": True}
HERE = {"ansible_connection": "local", "ansible_become": False, "ansible_python_interpreter": sys.executable}
ASKS = "plays/confirm.yml"
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(ansible: AnsibleRuns, tmp_path: Path) -> Run:
    """A playbook of the collection against a host that nobody can reach."""

    def command(playbook: str, *options: str, **variables: Any) -> subprocess.CompletedProcess[str]:
        secret = {"ops_stack": {"name": "{{ lookup('ansible.builtin.file', '/not/there') }}"}}
        hosts = {"all": {"hosts": {"app-1.invalid": None}, "vars": {**secret, **variables}}}
        (tmp_path / "hosts.yml").write_text(yaml.safe_dump(hosts))
        quiet = {"ANSIBLE_LOCALHOST_WARNING": "false"}
        return ansible("ansible-playbook", "-i", "hosts.yml", playbook, *options, folder=tmp_path, environment=quiet)

    return command


@pytest.mark.parametrize("name", sorted(set(PLAYBOOKS) - FREE))
def test_every_playbook_that_destroys_or_deploys_asks_before_anything_else(name: str) -> None:
    asking = [number for number, play in enumerate(PLAYBOOKS[name]) if play.get("ansible.builtin.import_playbook") == ASKS]
    # What comes before it may find out which hosts are meant, and nothing else.
    before = [task for play in PLAYBOOKS[name][: asking[0]] for task in play["tasks"]]
    reads = {f"ansible.builtin.{name}" for name in ("group_by", "assert", "stat", "slurp")}
    assert all(reads & set(task) for task in before)


def test_the_question_comes_to_all_hosts_before_the_first_batch() -> None:
    controller, host = yaml.safe_load((ROOT / "playbooks" / ASKS).read_text())
    assert controller["any_errors_fatal"] is True and host["max_fail_percentage"] == 0
    assert all("serial" not in play and play["tags"] == ["always"] for play in (controller, host))


@pytest.mark.parametrize("playbook", ["rollback", "site"])
def test_without_the_name_nothing_of_the_playbook_runs(run: Run, playbook: str) -> None:
    done = run(f"latentum.ops.{playbook}", **PRODUCTION)
    assert done.returncode != 0 and "write -e ops_confirm=production" in done.stdout + done.stderr
    # Neither was the host reached, nor was a variable read that a secret may be behind.
    assert "UNREACHABLE" not in done.stdout and "/not/there" not in done.stdout + done.stderr


def test_a_wrong_name_is_refused_by_the_one_that_is_expected(run: Run) -> None:
    done = run("latentum.ops.scale", "-e", "ops_confirm=staging", "-e", '{"scale_replicas": {"api": 1}}', **PRODUCTION)
    shown = " ".join((done.stdout + done.stderr).split())
    assert done.returncode != 0 and "'staging' was confirmed, and this host is of environment production" in shown
    assert "UNREACHABLE" not in done.stdout


def test_a_tag_or_a_limit_is_no_way_around_it(run: Run) -> None:
    done = run("latentum.ops.site", "--tags", "stack", "--limit", "app-1.invalid", **PRODUCTION)
    assert done.returncode != 0 and "write -e ops_confirm=production" in done.stdout + done.stderr


def test_the_right_name_and_check_mode_go_on(run: Run) -> None:
    playbook = str(ROOT / "playbooks" / ASKS)
    for options in (["-e", "ops_confirm=production"], ["--check"], ["--check", "-e", "ops_confirm=staging"]):
        done = run(playbook, *options, **PRODUCTION, **HERE)
        assert done.returncode == 0 and "changed=0" in done.stdout, done.stdout + done.stderr


def test_a_host_that_knows_another_environment_stops_the_run_on_all(run: Run, tmp_path: Path) -> None:
    """The inventory of staging, and the address of production in it."""
    play = yaml.safe_load((ROOT / "playbooks" / ASKS).read_text())
    (task,) = play[1]["tasks"]
    module = task.pop("latentum.ops.host_environment")
    assert module["state"] == "confirmed"
    # The host's file cannot be put on this machine: whoever fails here stands for the module, which has tests of its own.
    task["ansible.builtin.fail"] = {"msg": "this host belongs to the protected environment production"}
    task["when"] = "inventory_hostname == 'app-1.invalid'"
    later = {"hosts": "all", "gather_facts": False, "tasks": [{"name": "later", "ansible.builtin.debug": None}]}
    (tmp_path / "play.yml").write_text(yaml.safe_dump([*play, later]))
    done = run("play.yml", "-i", "app-2.invalid,", **HERE)
    assert done.returncode != 0 and "later" not in done.stdout, done.stdout + done.stderr


def test_a_host_that_is_away_does_not_stop_the_others_here(run: Run) -> None:
    done = run(str(ROOT / "playbooks" / ASKS), "-e", "ops_confirm=production", **PRODUCTION)
    assert "ignored=1" in done.stdout and "failed=0" in done.stdout and done.returncode == 0, done.stdout + done.stderr


def test_a_confirmation_in_the_inventory_confirms_nothing(run: Run) -> None:
    """Somebody is tired of writing it: it would hold for every later run, too."""
    done = run(str(ROOT / "playbooks" / ASKS), **PRODUCTION, ops_confirm="production")
    assert done.returncode != 0 and "stands in the inventory" in done.stdout + done.stderr


def test_one_unconfirmed_host_stops_the_run_on_all(run: Run, tmp_path: Path) -> None:
    """Both inventories in one run: the name of the one does not open the other."""
    hosts = {"staging": {"hosts": {"s": None}, "vars": {"ops_environment": "staging"}}, "live": {"hosts": {"p": None}, "vars": PRODUCTION}}
    (tmp_path / "both.yml").write_text(yaml.safe_dump({"all": {"children": hosts}}))
    play = [{"ansible.builtin.import_playbook": str(ROOT / "playbooks" / ASKS)}]
    play.append({"hosts": "all", "gather_facts": False, "tasks": [{"name": "later", "ansible.builtin.debug": None}]})
    (tmp_path / "play.yml").write_text(yaml.safe_dump(play))
    done = run("play.yml", "-i", "both.yml")
    assert done.returncode != 0 and "later" not in done.stdout


@pytest.mark.parametrize(
    ("name", "protected", "message"),
    [
        ("", True, "ops_environment: is empty"),
        (None, "yes", "ops_environment: is empty"),
        ("production", "perhaps", "ops_protected: 'perhaps' is neither true nor false"),
        ("Production EU", False, 'ops_environment: "Production EU" is no name'),
        (["production"], False, "ops_environment: a list of 1 must be a string"),
    ],
)
def test_a_declaration_of_an_environment_that_cannot_be_is_refused(name: Any, protected: Any, message: str) -> None:
    with pytest.raises(Refusal, match=message):
        environment_from(name, protected)


def test_words_of_an_ini_inventory_count() -> None:
    assert environment_from("production", "True") == HostEnvironment("production", True)
    assert environment_from("staging", "no") == HostEnvironment("staging")
    assert environment_from(None, False) == HostEnvironment()


def test_an_environment_without_protection_goes_on_but_not_by_the_name_of_another() -> None:
    require_confirmed(HostEnvironment("staging"), None, on_command_line=False)
    require_confirmed(HostEnvironment("staging"), "staging", on_command_line=True)
    for environment in (HostEnvironment("staging"), HostEnvironment()):
        with pytest.raises(Refusal, match="'production' was confirmed"):
            require_confirmed(environment, "production", on_command_line=True)
