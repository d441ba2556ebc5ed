# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a module sends at each call does not grow unnoticed: payloads.json is the bound."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
GROWTH = 1.15
RENEW = "look at what it imports; `python tests/tools/payloads.py --write` when it is meant"


@pytest.fixture(scope="module")
def measured() -> dict[str, dict[str, int]]:
    """In a process of its own: Ansible's loader of collections would stay in this one."""
    code = "import json, sys; sys.path.insert(0, sys.argv[1]); import payloads; print(json.dumps(payloads.measure()))"
    done = subprocess.run([sys.executable, "-c", code, str(ROOT / "tests/tools")], capture_output=True, text=True, check=True)
    table: dict[str, dict[str, int]] = json.loads(done.stdout.splitlines()[-1])
    return table


def test_no_module_sends_much_more_than_is_recorded(measured: dict[str, dict[str, int]]) -> None:
    recorded = json.loads((Path(__file__).parent / "payloads.json").read_text())
    assert measured.keys() == recorded.keys(), RENEW
    grown = {}
    for name, size in measured.items():
        before = recorded[name]
        if size["bytes"] > before["bytes"] * GROWTH or size["files"] > max(before["files"] * GROWTH, before["files"] + 2):
            grown[name] = f"{size}, recorded {before}"
    assert grown == {}, RENEW


def test_what_is_polled_or_only_looks_stays_small(measured: dict[str, dict[str, int]]) -> None:
    assert measured["job_progress"]["files"] <= 9
    assert measured["compose_release_info"]["files"] <= 17
    assert measured["maintenance"]["files"] <= 14
