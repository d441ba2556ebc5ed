# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`opsctl patches`: the updates of a host, and how one that stopped goes on."""

from __future__ import annotations

import json
from argparse import Namespace
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.cli import patches
from ansible_collections.latentum.ops.plugins.module_utils.cli.arguments import Parser
from ansible_collections.latentum.ops.plugins.module_utils.cli.output import Output
from ansible_collections.latentum.ops.plugins.module_utils.patching import record
from ansible_collections.latentum.ops.plugins.module_utils.patching.record import Phase

CHANGE = {"package": "openssl", "before": "3.5.1-1", "after": "3.5.4-1", "closes": ["CVE-2026-1"], "security": True}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "FOLDER", tmp_path)


def run(*argv: str) -> tuple[int, Namespace]:
    top = Parser(prog="opsctl")
    patches.add_parsers(top.add_subparsers(dest="verb", required=True))
    options = top.parse_args(["patches", *argv])
    return patches.run_verb(options, Output(as_json=options.json)), options


def test_before_the_first(capsys: pytest.CaptureFixture[str]) -> None:
    assert run()[0] == 0 and "no update by playbook patch yet" in capsys.readouterr().out


def test_one_that_came_to_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    record.keep(
        replace(record.begin("security"), changes=(CHANGE,), kept=("/etc/a",), seconds={"packages": 65.0}, phase=Phase.UPGRADED.value)
    )
    record.end(Phase.FINISHED, rebooted=True)
    assert run()[0] == 0
    shown = capsys.readouterr().out
    assert "finished  security  1         1       yes     1m 5s" in shown and "openssl  3.5.1-1  3.5.4-1  CVE-2026-1" in shown
    assert "kept as it was: /etc/a" in shown and "go on" not in shown


def test_one_that_was_left(capsys: pytest.CaptureFixture[str]) -> None:
    record.keep(replace(record.begin("all"), changes=(CHANGE,), phase=Phase.UPGRADED.value, reboot_due=("a kernel",)))
    assert run()[0] == 1
    shown = capsys.readouterr().out
    assert "not finished: packages are installed; restarts, the reboot or the look at the services are not done" in shown
    assert "a reboot is due: a kernel" in shown
    record.end(Phase.FAILED, reason="services: web-1 is unhealthy")
    assert run("--json")[0] == 1
    printed = json.loads(capsys.readouterr().out)
    assert printed["stopped"] is True and printed["updates"][0]["reason"] == "services: web-1 is unhealthy"


def test_lines_that_are_none() -> None:
    with pytest.raises(ValueError, match="--lines 0: write a number from 1 on"):
        run("--lines", "0")
