# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that is forked from a loaded Ansible gives what the command gives: output, errors, exit status."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from ansible_runs import ROOT, AnsibleRuns

PLAY = """
- name: Play
  hosts: localhost
  gather_facts: false
  vars: {stack: {name: acme, secrets: {token: {kind: token}}}}
  tasks:
    - name: Filter
      ansible.builtin.debug:
        msg: "{{ stack | latentum.ops.declaration_report | length > 0 }} {{ lookup('ansible.builtin.env', 'WORD') }} {{ of_all }}"
    - name: Module
      ansible.builtin.command: {argv: ["sh", "-c", "echo $WORD"]}
      register: echo
    - name: Refused
      latentum.ops.starting_inventory: {compose: not-there.yml}
"""


def command(*argv: str, folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """In a process of its own."""
    program = str(Path(sys.executable).with_name(argv[0]))
    given = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections"), **environment}
    return subprocess.run([program, *argv[1:]], cwd=folder, env=given, capture_output=True, text=True, check=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A play that fails, and an ansible.cfg."""
    (tmp_path / "play.yml").write_text(PLAY)
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars/all.yml").write_text("of_all: and of a group\n")
    (tmp_path / "ansible.cfg").write_text("[defaults]\ninventory = hosts.yml\nnocows = true\ncallback_result_format = yaml\n")
    hosts = {"all": {"hosts": {"localhost": {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}}}}
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump(hosts))
    return tmp_path


def test_a_play_that_fails_is_the_same(ansible: AnsibleRuns, folder: Path) -> None:
    environment = {"WORD": "of the environment", "ANSIBLE_DISPLAY_FAILED_STDERR": "true"}
    argv = ("ansible-playbook", "play.yml")
    own = command(*argv, folder=folder, environment=environment)
    assert own.returncode == 2 and "cannot be read" in own.stderr, own.stdout + own.stderr
    assert "True of the environment and of a group" in own.stdout, own.stdout
    for _time in range(2):  # a run leaves nothing behind for the next one
        forked = ansible(*argv, folder=folder, environment=environment)
        assert (forked.returncode, forked.stdout, forked.stderr) == (own.returncode, own.stdout, own.stderr)


def test_each_run_has_the_environment_and_the_settings_of_its_folder(ansible: AnsibleRuns, folder: Path, tmp_path: Path) -> None:
    argv = ("ansible", "all", "-m", "ansible.builtin.debug", "-a", "msg={{ lookup('ansible.builtin.env', 'WORD') }}")
    done = ansible(*argv, folder=folder, environment={"WORD": "first"})
    assert done.returncode == 0 and "msg: first" in done.stdout, done.stdout + done.stderr  # the format of its ansible.cfg
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = ansible(*argv, "-i", "localhost,", "-c", "local", folder=elsewhere)
    assert '"msg": ""' in done.stdout, done.stdout + done.stderr


def test_a_mistake_in_the_arguments_is_the_end_of_that_run_only(ansible: AnsibleRuns, folder: Path) -> None:
    assert ansible("ansible-playbook", "--no-such-option", folder=folder).returncode == 2
    assert ansible("ansible-playbook", "--version", folder=folder).returncode == 0
