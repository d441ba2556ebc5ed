# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hooks of `.pre-commit-config.yaml`: the checks of `make lint`, neither more nor fewer, and each on the files that it is for."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
WRAPPER = "tests/tools/toolchain.sh"
HOOKS: list[dict[str, Any]] = [
    hook for repo in yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"] for hook in repo["hooks"]
]


def lint_commands() -> list[str]:
    """Lines of the recipe of `make lint`."""
    recipe = re.search(r"^lint:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert recipe
    return [line.strip() for line in recipe[1].splitlines()]


def command(hook: dict[str, Any]) -> str:
    """What a hook runs inside the toolchain, without the files."""
    wrapper, *argv = shlex.split(hook["entry"])
    assert wrapper == WRAPPER
    return argv[2] if argv[:2] == ["bash", "-c"] else " ".join(argv)


def test_each_check_of_lint_has_a_hook() -> None:
    commands = [command(hook) for hook in HOOKS]
    assert [line for line in lint_commands() if not any(known in line for known in commands)] == []


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook["id"])
def test_each_hook_is_a_check_of_lint(hook: dict[str, Any]) -> None:
    assert any(command(hook) in line for line in lint_commands())
    assert hook["language"] == "system", "hooks use the pinned toolchain and fetch nothing"


@pytest.mark.parametrize("hook", [hook for hook in HOOKS if "files" in hook], ids=lambda hook: hook["id"])
def test_each_hook_has_files(hook: dict[str, Any]) -> None:
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    assert any(re.search(hook["files"], name) for name in files)


def test_the_wrapper_runs_tools_of_the_checkout() -> None:
    script = 'import os, sys; print(sys.prefix, os.getcwd(), os.environ["ANSIBLE_COLLECTIONS_PATH"], sep="\\n")'
    outcome = subprocess.run([ROOT / WRAPPER, "python", "-c", script], cwd=ROOT / "docs", check=True, capture_output=True, text=True)
    prefix, folder, collections = outcome.stdout.splitlines()
    assert (Path(prefix).resolve(), folder, collections) == ((ROOT / ".venv").resolve(), str(ROOT), str(ROOT / ".collections"))
