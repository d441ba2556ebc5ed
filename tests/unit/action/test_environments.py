# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two environments in one run, in the layout of docs/guides/environments.md: compared, and promoted as far as that goes without a host."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_runs import AnsibleRuns

ROOT = Path(__file__).parents[3]
GUIDE = (ROOT / "docs/guides/environments.md").read_text()
COMPOSE = """
services:
  web:
    image: registry.example.com/acme/web:{{ shop_version }}
    healthcheck: {test: [CMD, "true"]}
    environment: {PUBLIC_URL: "https://{{ shop_domain }}/"}
"""
BOTH = ("-i", "inventories/staging.yml", "-i", "inventories/production.yml")
DIGEST = f"sha256:{'a' * 64}"
Run = Callable[..., subprocess.CompletedProcess[str]]


def guide_files() -> dict[str, str]:
    """The files that the guide shows: blocks whose first line is a comment with their path."""
    return dict(re.findall(r"```yaml\n# (inventories/\S+)\n(.*?)```", GUIDE, re.DOTALL))


@pytest.fixture
def run(ansible: AnsibleRuns, tmp_path: Path) -> Run:
    """A playbook of the collection against the inventories of the guide; their hosts are this machine, without a release."""
    local = "    ansible_connection: local\n    ansible_become: false\n"
    for path, text in {**guide_files(), "inventories/group_vars/all/compose.yml.j2": COMPOSE}.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    staging = "staging:\n  hosts:\n    staging.example.com:\n"
    (tmp_path / "inventories/staging.yml").write_text(staging)
    for name in ("staging", "production"):
        inventory = tmp_path / f"inventories/{name}.yml"
        inventory.write_text(f"{inventory.read_text().rstrip()}\n  vars:\n{local}    ansible_python_interpreter: {sys.executable}\n")

    def command(playbook: str, *options: str) -> subprocess.CompletedProcess[str]:
        return ansible("ansible-playbook", playbook, *options, folder=tmp_path, environment={"ANSIBLE_LOCALHOST_WARNING": "false"})

    return command


def shown(done: subprocess.CompletedProcess[str]) -> str:
    return " ".join((done.stdout + done.stderr).split())


def test_environments_are_compared_without_a_host(run: Run, tmp_path: Path) -> None:
    compose = tmp_path / "inventories/group_vars/all/compose.yml.j2"
    compose.write_text(COMPOSE + "    command: [serve, --workers, '{{ 4 if ops_environment == \"production\" else 1 }}']\n")
    done = run("latentum.ops.diff_environments", *BOTH, "-e", "diff_live=false", "-e", "diff_format=json")
    assert done.returncode == 0, done.stdout + done.stderr
    found, _end = json.JSONDecoder().raw_decode(done.stdout, done.stdout.index("{", done.stdout.index('"msg"')))
    assert found["from"] == {"environment": "staging", "hosts": ["staging.example.com"], "stacks": ["shop"]}
    plain = {one["key"]: (one["from"], one["to"]) for one in found["differences"] if not one["expected"]}
    assert plain == {"services.web.command": (["serve", "--workers", "1"], ["serve", "--workers", "4"])}
    expected = {one["key"] for one in found["differences"] if one["expected"]}
    assert {"routes./ -> web:8080.domains", "services.web.replicas", "services.web.environment.PUBLIC_URL"} <= expected
    assert "changed=0" in done.stdout and "changed=1" not in done.stdout


def test_a_host_that_cannot_be_asked_does_not_keep_the_declarations_from_being_compared(run: Run, tmp_path: Path) -> None:
    inventory = tmp_path / "inventories/production.yml"
    inventory.write_text(inventory.read_text().replace("ansible_connection: local", "ansible_connection: ssh\n    ansible_port: 1"))
    done = run("latentum.ops.diff_environments", *BOTH, "-e", "ansible_host=127.0.0.1")
    assert "production: app-1.example.com was not seen" in shown(done) and "services.web.replicas" in done.stdout
    assert "Traceback" not in shown(done)


def test_one_inventory_alone_is_refused_by_the_environments_that_there_are(run: Run) -> None:
    """So are two inventories whose group_vars/all overwrite each other."""
    for playbook in ("diff_environments", "promote"):
        done = run(f"latentum.ops.{playbook}", *BOTH[:2], "-e", "diff_live=false")
        assert done.returncode != 0 and "staging" in shown(done) and "Give both inventories" in shown(done)


def test_a_promotion_asks_for_the_name_of_the_target_and_not_of_the_source(run: Run) -> None:
    done = run("latentum.ops.promote", *BOTH)
    assert done.returncode != 0 and "write -e ops_confirm=production" in shown(done)
    assert "TASK [Source" not in done.stdout  # no host was reached


def test_a_source_without_a_release_is_refused(run: Run) -> None:
    done = run("latentum.ops.promote", *BOTH, "-e", "ops_confirm=production")
    assert done.returncode != 0 and "staging.example.com: runs no release" in shown(done)
    assert "this cannot be promoted; nothing was changed" in shown(done) and "Roll the release out" not in done.stdout


@pytest.fixture
def several(run: Run, tmp_path: Path) -> Run:
    """The same with a second stack beside that of the guide."""
    (declared,) = (path for path in (tmp_path / "inventories/group_vars").rglob("*.yml") if "\nops_stack:" in f"\n{path.read_text()}")
    blog = "{name: blog, compose: {services: {web: {image: 'registry.example.com/blog:1'}}}}"
    text = f"\n{declared.read_text()}".replace("\nops_stack:", "\nshop_stack:")
    declared.write_text(f"{text.lstrip()}\nops_stacks: ['{{{{ shop_stack }}}}', {blog}]\n")
    return run


def test_all_stacks_are_compared_or_those_that_are_named(several: Run) -> None:
    for options, stacks in (((), ["shop", "blog"]), (("-e", "ops_only=blog"), ["blog"])):
        done = several("latentum.ops.diff_environments", *BOTH, "-e", "diff_format=json", *options)
        assert done.returncode == 0, done.stdout + done.stderr
        found, _end = json.JSONDecoder().raw_decode(done.stdout, done.stdout.index("{", done.stdout.index('"msg"')))
        assert found["from"]["stacks"] == found["to"]["stacks"] == stacks
        assert not [note for note in found["notes"] if "was not seen" in note]


@pytest.mark.parametrize("playbook", ["promote", "eject", "rollback"])
def test_what_is_done_to_one_stack_wants_to_know_which(several: Run, playbook: str) -> None:
    hosts = "all" if playbook == "promote" else "production"
    done = several(f"latentum.ops.{playbook}", *BOTH, "-e", "ops_confirm=production", "--limit", hosts)
    assert done.returncode != 0 and ": name one, such as -e ops_only=shop" in shown(done)


def test_the_named_one_of_several_is_promoted(several: Run) -> None:
    done = several("latentum.ops.promote", *BOTH, "-e", "ops_confirm=production", "-e", "ops_only=blog")
    assert done.returncode != 0 and "staging.example.com: runs no release" in shown(done), shown(done)


def test_a_drill_of_several_stacks_is_refused_by_their_names(several: Run) -> None:
    done = several("latentum.ops.dr_drill", *BOTH, "-e", "dr_hosts=staging")
    assert done.returncode != 0 and "This works on one stack, and shop, blog are declared: name one" in shown(done)


def test_a_drill_of_the_named_one_of_several_wants_its_backups(several: Run) -> None:
    done = several("latentum.ops.dr_drill", *BOTH, "-e", "dr_hosts=staging", "-e", "ops_only=blog")
    assert done.returncode != 0 and "A drill needs backups in the declaration of blog" in shown(done), shown(done)


def looked(**changes: Any) -> dict[str, Any]:
    """Answers of a host that runs version 1.4.2."""
    image = f"registry.example.com/acme/web:1.4.2@{DIGEST}"
    live = {"id": "3f2a90c1d4e7", "live": True, "state": "good", "created": "2026-11-01T00:00:00+00:00", "images": {"web": image}}
    return {
        "releases": {"live": live["id"], "live_since": live["created"], "underway": "", "releases": [live], "table": "shop (live)"},
        "health": {"services": [{"service": "web", "state": "ok", "reason": ""}]},
        "plan": {"changed": False, "plan": []},
        **changes,
    }


@pytest.mark.parametrize(
    ("answers", "options", "message"),
    [
        (looked(), {}, f'"web": "registry.example.com/acme/web:1.4.2@{DIGEST}"'),
        (looked(plan={"changed": True, "plan": ["web: start 1 container"]}), {}, "differs from what the repository declares: web: start 1"),
        (looked(plan={"failed": True, "msg": "this update is not safe"}), {}, "this update is not safe"),
        (looked(health={"failed": True, "msg": "Docker does not answer"}), {}, "could not be looked at: Docker does not answer"),
        (looked(), {"minimum_age": "soon"}, "promote_minimum_age: 'soon'"),
        (looked(), {"minimum_age": "900w"}, "has been live for"),
    ],
)
def test_answers_of_the_source_become_images_or_a_refusal(run: Run, tmp_path: Path, answers: Any, options: Any, message: str) -> None:
    facts = {f"__{name}": value for name, value in answers.items()}
    names = {name: f"__{name}" for name in answers}
    plays = [
        {"hosts": "staging", "gather_facts": False, "tasks": [{"ansible.builtin.set_fact": facts}]},
        {
            "hosts": "production",
            "gather_facts": False,
            "tasks": [
                {"latentum.ops.promotion": {"source": "staging", **names, **options}, "register": "result"},
                {"ansible.builtin.debug": {"var": "result.images"}},
            ],
        },
    ]
    (tmp_path / "play.yml").write_text(yaml.safe_dump(plays))
    done = run("play.yml", *BOTH)
    assert message in shown(done), shown(done)
    assert (done.returncode == 0) is (not options and answers == looked())
