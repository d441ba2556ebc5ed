# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbook eject, as far as it goes on a host without a stack."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from ansible_runs import AnsibleRuns


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "eject_confirm is '', and the stack is shop: nothing was changed; write -e eject_confirm=shop"),
        (("-e", "eject_confirm=shp"), "eject_confirm is 'shp', and the stack is shop"),
        (("-e", "eject_confirm=shop"), "shop has no live release on this host: there is nothing to eject"),
        (("--check",), "shop has no live release on this host"),
        (("-e", '{"ops_environment": "production", "ops_protected": true}'), "write -e ops_confirm=production"),
    ],
)
def test_a_stack_is_ejected_by_its_name_alone(ansible: AnsibleRuns, tmp_path: Path, options: tuple[str, ...], message: str) -> None:
    given = ["-e", f"ansible_python_interpreter={sys.executable}", "-e", "ansible_become=false", "-e", "stack_name=shop"]
    done = ansible("ansible-playbook", "-i", "localhost,", "-c", "local", "latentum.ops.eject", *given, *options, folder=tmp_path)
    assert done.returncode != 0 and message in " ".join((done.stdout + done.stderr).split()), done.stdout + done.stderr
