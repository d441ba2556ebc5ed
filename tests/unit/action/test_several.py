# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks on several stacks, as they are but for what needs a host: its tasks are stand-ins that write down who did what."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.latentum.ops.plugins.filter.turns import rollout_turns
from ansible_runs import AnsibleRuns

ROOT = Path(__file__).parents[3]
LOCAL = {"ansible_connection": "local", "ansible_become": False, "ansible_python_interpreter": sys.executable}
Run = Callable[..., CompletedProcess[str]]

STAND_INS = {
    "latentum.ops.secrets": [
        {"ansible.builtin.debug": {"msg": "DID secrets {{ ops_turn | default('alone', true) }} {{ inventory_hostname }}"}}
    ],
    "latentum.ops.stack": [
        {"ansible.builtin.debug": {"msg": "DID deploy {{ __stack }} {{ inventory_hostname }} {{ ops_turn or 'alone' }}"}},
        {
            "ansible.builtin.fail": {"msg": "the new {{ __stack }} is not healthy"},
            "when": "__stack ~ '@' ~ inventory_hostname in breaks | default([])",
        },
        {"ansible.builtin.set_fact": {"__stack_rollout": {"release": "new", "previous": "old"}}},
    ],
}
# What is only looked at on a host, and the answer that the playbook goes on with.
LOOKS: dict[str, dict[str, Any]] = {
    "latentum.ops.preflight": {},
    "latentum.ops.compose_release_info": {"live": "3f2a90c1d4e7", "underway": ""},
    "latentum.ops.host_environment": {},
    "ansible.builtin.stat": {"stat": {"exists": False}},
    "latentum.ops.backup_info": {"table": "proven"},
}


def without_a_host(task: dict[str, Any]) -> list[dict[str, Any]]:
    """A task of a playbook, or what stands in for it."""
    for part in ("block", "rescue"):
        if part in task:
            task[part] = [standing for inner in task[part] for standing in without_a_host(inner)]
    role = task.get("ansible.builtin.import_role", {})
    if role.get("name") in STAND_INS and "tasks_from" not in role:
        stand_in = [dict(one) for one in STAND_INS[role["name"]]]
        # A role of one stack does nothing where several are declared and nobody says whose turn it is.
        return [
            {**one, "when": "ops_turn | default('') != '' or not ops_stacks | default([])"} if "when" in task else one for one in stand_in
        ]
    if role:
        return []
    if look := LOOKS.keys() & task.keys():
        return [{"ansible.builtin.set_fact": {task.get("register", "__looked"): LOOKS[look.pop()]}}]
    for module, does in (("latentum.ops.compose_rollout", "roll back"), ("latentum.ops.backup", "back up")):
        if arguments := task.pop(module, None):
            stack = arguments["stack"].strip("{} ")
            keywords = {key: task[key] for key in ("loop", "delegate_to") if key in task}
            return [
                {
                    "ansible.builtin.debug": {"msg": f"DID {does} {{{{ {stack} }}}} {{{{ item | default(inventory_hostname) }}}}"},
                    **keywords,
                },
                {"ansible.builtin.fail": {"msg": f"the target of {{{{ {stack} }}}} is full"}, "when": f"{stack} in full | default([])"},
            ]
    return [task]


@pytest.fixture(scope="module")
def playbooks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The playbooks as they are but for what needs a host; the loader of C reads them, as Ansible does."""
    folder = tmp_path_factory.mktemp("several") / "playbooks"
    shutil.copytree(ROOT / "playbooks", folder)
    for file in folder.rglob("*.yml"):
        # Anchors come out of it as what they stand for.
        document = yaml.load(file.read_text(), yaml.CSafeLoader)
        for play in [entry for entry in document if "tasks" in entry]:
            play["tasks"] = [standing for task in play["tasks"] for standing in without_a_host(task)]
        if document and not any("hosts" in entry or "ansible.builtin.import_playbook" in entry for entry in document):
            document = [standing for task in document for standing in without_a_host(task)]
        file.write_text(yaml.dump(document, Dumper=yaml.CSafeDumper, sort_keys=False))
    return folder


@pytest.fixture
def run(tmp_path: Path, playbooks: Path, ansible: AnsibleRuns) -> Run:
    """A playbook on three hosts with two stacks."""
    (tmp_path / "playbooks").symlink_to(playbooks)

    def command(playbook: str, *options: str, **variables: Any) -> CompletedProcess[str]:
        stacks = [{"name": name, "compose": {"services": {"web": {"image": f"{name}:1"}}}} for name in ("shop", "blog", "docs")]
        hosts = {"all": {"hosts": {f"app-{n}": None for n in (1, 2, 3)}, "vars": {**LOCAL, "ops_stacks": stacks, **variables}}}
        (tmp_path / "hosts.yml").write_text(yaml.safe_dump(hosts, sort_keys=False))
        return ansible("ansible-playbook", "-i", "hosts.yml", f"playbooks/{playbook}.yml", *options, folder=tmp_path)

    return command


def done(result: CompletedProcess[str]) -> list[str]:
    """Who did what, in its order."""
    return re.findall(r'"DID (.*)"', result.stdout)


def words(result: CompletedProcess[str]) -> str:
    return " ".join((result.stdout + result.stderr).split())


def test_stack_after_stack_and_of_each_host_after_host(run: Run) -> None:
    result = run("rolling_update", "-e", "ops_only=shop,docs", "-e", '{"rolling_update_serial": [1, "100%"]}')
    assert result.returncode == 0, result.stdout + result.stderr
    assert re.findall(r"TASK \[Turn \| (\S+: app.*?)\]", result.stdout) == [
        f"{stack}: {hosts}" for stack in ("shop", "docs") for hosts in ("app-1", "app-2, app-3")
    ]
    deployed = [line.removeprefix("deploy ") for line in done(result) if line.startswith("deploy")]
    # Each knows what it declares (ops_turn), and nobody else's turn is between.
    assert deployed[0] == "shop app-1 shop" and deployed[3] == "docs app-1 docs"
    assert sorted(deployed[:3]) == [f"shop app-{host} shop" for host in (1, 2, 3)] and len(deployed) == 6
    secrets = [line for line in done(result) if line.startswith("secrets")]
    assert sorted(secrets) == sorted(f"secrets {stack} app-{host}" for stack in ("shop", "docs") for host in (1, 2, 3))
    assert max(done(result).index(line) for line in secrets) < done(result).index("deploy shop app-1 shop")


def test_one_stack_is_rolled_as_before(run: Run) -> None:
    one = {"name": "shop", "compose": {"services": {"web": {"image": "shop:1"}}}}
    result = run("rolling_update", "-e", "rolling_update_serial=2", ops_stack=one, ops_stacks=[])
    assert result.returncode == 0, result.stdout + result.stderr
    deployed = [line for line in done(result) if line.startswith("deploy")]
    # Two at a time, in any order, and then the third.
    assert sorted(deployed) == [f"deploy shop app-{host} alone" for host in (1, 2, 3)] and deployed[2] == "deploy shop app-3 alone"
    # Ansible's own batches: the play is begun twice.
    assert result.stdout.count("PLAY [Roll the release out]") == 2


def test_a_second_stack_that_fails_is_taken_back_and_the_first_one_stays(run: Run) -> None:
    result = run("rolling_update", breaks=["blog@app-2"])
    assert result.returncode != 0
    # app-3 has a new shop and no new blog: nothing of it is taken back.
    assert [line for line in done(result) if line.startswith("roll back")] == ["roll back blog app-1"]
    assert not [line for line in done(result) if line.startswith(("deploy docs", "deploy blog app-3"))]
    reason = "the new blog is not healthy; done before, and left as they are: shop; not begun: docs; go on with -e ops_only=blog,docs"
    assert reason in words(result)


def test_hosts_that_may_fail_do_not_stop_the_stacks_after(run: Run) -> None:
    result = run("rolling_update", "-e", "rolling_update_max_fail_percentage=40", "-e", "ops_only=shop,blog", breaks=["shop@app-2"])
    deployed = [line.split()[1:3] for line in done(result) if line.startswith("deploy blog")]
    assert result.returncode != 0 and deployed == [["blog", "app-1"], ["blog", "app-3"]] and "roll back" not in " ".join(done(result))


def test_hosts_have_the_stacks_that_they_declare(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "host_vars"
    folder.mkdir()
    (folder / "app-2.yml").write_text("ops_stacks: [{name: docs, compose: {services: {web: {image: 'docs:1'}}}}]\n")
    result = run("rolling_update", "-e", "ops_hosts=app-1:app-2")
    deployed = [line.split()[1:3] for line in done(result) if line.startswith("deploy")]
    assert deployed == [["shop", "app-1"], ["blog", "app-1"], ["docs", "app-1"], ["docs", "app-2"]], result.stdout


@pytest.mark.parametrize("variable", ["rolling_update_recreate", "stack_images"])
def test_services_of_nobody_knows_which_stack_are_refused(run: Run, variable: str) -> None:
    given = '{"rolling_update_recreate": ["web"]}' if variable == "rolling_update_recreate" else '{"stack_images": {"web": "shop:2"}}'
    result = run("rolling_update", "-e", given)
    assert result.returncode != 0 and f"{variable} names services of one stack, and shop, blog, docs are updated" in words(result)
    assert done(result) == []


@pytest.mark.parametrize("playbook", ["scale", "restore", "eject", "promote", "dr_drill"])
def test_what_is_done_to_one_stack_is_refused_before_a_host_is_asked(run: Run, playbook: str) -> None:
    # A promotion wants both environments before anything else.
    environment = "{{ 'staging' if inventory_hostname == 'app-1' else 'production' }}"
    result = run(playbook, "-e", "dr_hosts=all", ops_environment=environment)
    message = "This works on one stack, and shop, blog, docs are declared: name one, such as -e ops_only=shop"
    assert result.returncode != 0 and message in words(result), words(result)
    assert "Refuse a run that was confirmed for another" not in result.stdout


@pytest.mark.parametrize("name", ["", "shop,blog", "*", "Shop"])
def test_one_stack_is_removed_by_its_name(run: Run, name: str) -> None:
    """What `ops_only` says about other playbooks takes nothing away."""
    result = run("remove_stack", "-e", f"ops_stack_name={name}", "-e", "ops_only=shop", "-e", "remove_stack_confirm=true")
    message = f"ops_stack_name is '{name}': write the name of one stack, such as -e ops_stack_name=shop. Declared are shop;"
    assert result.returncode != 0 and message in words(result), words(result)
    assert "Refuse a run that was confirmed for another" not in result.stdout


def test_nothing_is_rolled_back_that_nobody_named(run: Run) -> None:
    refused = run("rollback")
    assert refused.returncode != 0 and "This works on stacks that are named, and shop, blog, docs are declared" in words(refused)
    # A release is of one stack.
    of_two = run("rollback", "-e", "ops_only=docs,shop", "-e", "rollback_to=3f2a")
    assert of_two.returncode != 0 and "This works on one stack, and shop, docs are declared" in words(of_two)
    assert done(refused) == done(of_two) == []
    result = run("rollback", "-e", "ops_only=docs,shop")
    assert result.returncode == 0, result.stdout + result.stderr
    assert done(result) == [f"roll back {stack} app-{host}" for stack in ("shop", "docs") for host in (1, 2, 3)]


def test_a_backup_that_fails_does_not_cost_the_others_theirs(run: Run) -> None:
    result = run("backup", "--limit", "app-1", full=["shop"])
    assert done(result) == [f"back up {stack} app-1" for stack in ("shop", "blog", "docs")]
    assert result.returncode != 0 and "shop of app-1: no backup, or none that is proven" in words(result)


@pytest.mark.parametrize(
    ("serial", "batches"),
    [
        (1, [["a"], ["b"], ["c"]]),
        ("2", [["a", "b"], ["c"]]),
        ("50%", [["a"], ["b"], ["c"]]),
        ("1%", [["a"], ["b"], ["c"]]),
        ([1, "100%"], [["a"], ["b", "c"]]),
        (0, [["a", "b", "c"]]),
        ([], [["a", "b", "c"]]),
    ],
)
def test_batches_are_cut_as_ansible_does(serial: Any, batches: list[list[str]]) -> None:
    turns = rollout_turns({host: ["shop"] for host in "abc"}, serial)
    assert [turn["hosts"] for turn in turns] == batches


@pytest.mark.parametrize("serial", ["half", "-1", None, True, "1.5", {"a": 1}])
def test_a_size_that_is_none_is_refused(serial: Any) -> None:
    with pytest.raises(AnsibleFilterError, match="is no size of a batch: write a number of hosts"):
        rollout_turns({"a": ["shop"]}, serial)
