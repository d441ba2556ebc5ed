# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that was not bare: what `adopt` said of it before the first run, and what is still as it was after it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from conftest import CLIENT, HOST, changes, execute, playbook, sh

REPORT = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "adopt" / f"{HOST}.md"


@pytest.mark.parametrize(
    "thing",
    [
        "5432",
        "5433",
        "6380",
        "3001",
        "old.neighbours.example.test",
        "legacy",
        "daemon.json",
        "/etc/cron.d/somebody",
        "203.0.113.7",
        "/etc/ssl/old/old.pem",
    ],
)
def test_adopt_has_named_it(thing: str) -> None:
    assert thing in REPORT.read_text()


def test_adopt_has_told_no_secret() -> None:
    assert "of-somebody-else" not in REPORT.read_text()


def test_its_site_answers_beside_ours() -> None:
    """Over its own certificate, from outside."""
    asked = execute(["docker", "exec", CLIENT, "curl", "-sS", "--cacert", "/tmp/old.pem", "https://old.neighbours.example.test/"])
    assert asked.stdout == "old\n", asked.stderr


@pytest.mark.parametrize("port", [3001, 5433, 6380])
def test_ports_that_were_open_are_still_open(port: int) -> None:
    code = f"import socket; socket.create_connection(('{HOST}', {port}), timeout=5)"
    assert execute(["docker", "exec", CLIENT, "python3", "-c", code]).returncode == 0


def test_its_database_is_reached_only_by_whom_it_was() -> None:
    assert "5432/tcp ALLOW 203.0.113.7" in " ".join(sh("ufw status").split())


def test_nobody_has_restarted_what_is_not_ours() -> None:
    """Besides the state after each test: nginx was reloaded, and its master is the one from before."""
    reloads = sh("journalctl --unit nginx.service --output cat | grep -ci reload; true")
    assert int(reloads) >= 1


def test_once_everything_is_managed_adopt_asks_for_nothing() -> None:
    done = playbook("adopt", {"adopt_format": "json"})
    assert done.returncode == 0 and changes(done.stdout) == [], done.stdout[-3000:]
    assert '"verdict": "conflict"' not in done.stdout and "verdict: conflict" not in done.stdout, done.stdout


def test_a_port_that_nobody_opened_stays_closed() -> None:
    """The rules that are kept do not open what they did not open."""
    code = f"import socket; socket.create_connection(('{HOST}', 5432), timeout=3)"
    assert execute(["docker", "exec", CLIENT, "python3", "-c", code]).returncode != 0
    assert json.loads(sh("cat /etc/docker/daemon.json"))["labels"] == ["owner=somebody"]
