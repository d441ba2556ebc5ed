# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The built collection, installed where nothing else of the checkout is: its playbooks run by FQCN."""

from __future__ import annotations

import os
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GOOD = """
all:
  hosts: {elsewhere: {ansible_connection: local, ansible_python_interpreter: "{{ ansible_playbook_python }}"}}
  vars:
    ops_stack:
      name: shop
      contact: ops@example.test
      compose:
        services:
          web:
            image: example.test/web:1.0.0
            healthcheck: {test: [CMD, "true"]}
      routes: [{domain: shop.example.test, service: web, port: 8080}]
"""
# Three contradictions; each must be named, together, before any task reaches the host.
BAD = GOOD.replace("service: web, port: 8080", "service: wbe, port: 80800").replace("name: shop", "name: Shop!")


def run(argv: list[str], cwd: Path, collections: Path) -> subprocess.CompletedProcess[str]:
    """One command with only the installed artifact on the collections path."""
    env = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(collections), "ANSIBLE_NOCOLOR": "1"}
    return subprocess.run(argv, cwd=cwd, env=env, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(scope="session")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tarball that ``ansible-galaxy collection build`` makes."""
    out = tmp_path_factory.mktemp("artifact")
    built = run(["ansible-galaxy", "collection", "build", "--output-path", str(out), str(ROOT)], out, out)
    assert built.returncode == 0, built.stderr
    return next(out.glob("latentum-ops-*.tar.gz"))


@pytest.fixture(scope="session")
def installed(artifact: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A collections path that holds the artifact alone (its dependencies come with the ansible package)."""
    path = tmp_path_factory.mktemp("collections")
    argv = ["ansible-galaxy", "collection", "install", "--no-deps", "--offline", "-p", str(path), str(artifact)]
    result = run(argv, path, path)
    assert result.returncode == 0, result.stderr
    yield path


def test_the_artifact_holds_the_collection_and_not_the_workshop(artifact: Path) -> None:
    with tarfile.open(artifact) as opened:
        names = opened.getnames()
    for wanted in ("playbooks/site.yml", "roles/nginx/tasks/main.yml", "plugins/modules/config_set.py", "meta/runtime.yml"):
        assert wanted in names
    for unwanted in (".venv", ".cache", ".collections", ".demo", ".git"):
        assert not [name for name in names if name == unwanted or name.startswith(f"{unwanted}/")]


@pytest.mark.parametrize("playbook", sorted(path.stem for path in (ROOT / "playbooks").glob("*.yml")))
def test_every_playbook_is_found_by_its_full_name(installed: Path, tmp_path: Path, playbook: str) -> None:
    (tmp_path / "hosts.yml").write_text(GOOD)
    result = run(["ansible-playbook", f"latentum.ops.{playbook}", "-i", "hosts.yml", "--list-tasks"], tmp_path, installed)
    assert result.returncode == 0, result.stderr
    assert "tasks:" in result.stdout


def test_the_site_runs_by_its_full_name_and_refuses_before_it_changes(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "hosts.yml").write_text(BAD)
    result = run(["ansible-playbook", "latentum.ops.site", "-i", "hosts.yml"], tmp_path, installed)
    assert result.returncode != 0
    for named in ("ops_stack has 3 errors", "name: is not", "routes[0].service: leads to", "routes[0].port: must be", "did you mean web?"):
        assert named in result.stdout
    assert "changed=0" in result.stdout
    assert "Take the hosts to production" not in result.stdout


def test_a_good_declaration_passes_the_first_play(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "hosts.yml").write_text(GOOD)
    argv = ["ansible-playbook", "latentum.ops.site", "-i", "hosts.yml", "--tags", "always", "--check"]
    result = run([*argv, "-e", "ansible_become=false", "--skip-tags", "base"], tmp_path, installed)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "failed=0" in result.stdout


@pytest.mark.parametrize("declared", ["{}", '{"ops_stack": {}}'], ids=["not declared", "empty"])
def test_a_host_without_a_stack_has_no_secrets_and_no_release(installed: Path, tmp_path: Path, declared: str) -> None:
    (tmp_path / "hosts.yml").write_text(GOOD.partition("  vars:")[0])
    argv = ["ansible-playbook", "latentum.ops.site", "-i", "hosts.yml", "--tags", "secrets,stack", "--check", "-e", declared]
    result = run([*argv, "-e", "ansible_become=false", "--skip-tags", "base"], tmp_path, installed)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "TASK [latentum.ops.stack : " in result.stdout and "changed=0" in result.stdout
