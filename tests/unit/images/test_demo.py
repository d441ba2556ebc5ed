# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of the demo that need no host."""

from __future__ import annotations

import json
import socket
import subprocess
from pathlib import Path

import bad_release
import demo
import pytest
import received_mail


@pytest.mark.parametrize(
    ("line", "changes"),
    [
        ("latentum-demo              : ok=44   changed=20   unreachable=0    failed=0", 20),
        ("\x1b[0;32mlatentum-demo\x1b[0m : \x1b[0;32mok=41  \x1b[0m changed=0    unreachable=0", 0),
        ("changed: [latentum-demo]", None),
        ("latentum-demo-2 : ok=1 changed=3", None),
    ],
)
def test_changes_are_read_from_the_closing_table(line: str, changes: int | None) -> None:
    assert demo.recap(line) == changes


def test_a_port_that_is_taken_is_seen() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        assert demo.occupied({port: 443}) == [port]
    assert demo.occupied({port: 443}) == []


def clients(versions: dict[str, int], lost: list[str]) -> bad_release.Clients:
    asked = bad_release.Clients(Path("ca.pem"))
    asked.versions.update(versions)
    asked.lost += lost
    return asked


def test_a_release_that_took_itself_back_unnoticed_is_the_promise() -> None:
    asked = clients({"1.0.0": 200}, [])
    bad_release.judge(asked, "1.0.0", "1.0.0", 1)
    assert asked.describe() == "200 requests meanwhile: 200 by version 1.0.0, 0 lost"


@pytest.mark.parametrize(
    ("versions", "lost", "after", "returned", "said"),
    [
        ({"1.0.0": 1}, [], "1.0.0", 0, "went live"),
        ({"1.0.0": 1, "1.2.0-broken": 1}, [], "1.0.0", 1, "answered before"),
        ({"1.0.0": 1}, [], "1.2.0-broken", 1, "1.2.0-broken answers now"),
        ({}, [], "1.0.0", 1, "answered before"),
        ({"1.0.0": 1}, ["502"], "1.0.0", 1, "1 requests were lost, the first: 502"),
    ],
)
def test_a_broken_promise_is_said(versions: dict[str, int], lost: list[str], after: str, returned: int, said: str) -> None:
    with pytest.raises(demo.DemoError, match=said):
        bad_release.judge(clients(versions, lost), "1.0.0", after, returned)


def test_only_mail_to_the_demo_is_shown() -> None:
    mails = [
        {"receivers": [to], "headers": {"Subject": f"[down] {to}", "Date": "today"}, "text": "web is down\nlook at it\n"}
        for to in ("team@example.test", received_mail.RECEIVER)
    ]
    read = received_mail.read("".join(json.dumps(mail) + "\n" for mail in mails))
    assert [received_mail.shown(mail) for mail in read] == ["today  [down] you@example.test\n  web is down\n  look at it"]


def state(monkeypatch: pytest.MonkeyPatch, *states: str) -> None:
    """What the host says of its backups, one after the other."""
    said = iter(states)
    monkeypatch.setattr(demo, "docker", lambda *_argv, **_how: subprocess.CompletedProcess([], 0, next(said), ""))
    monkeypatch.setattr(demo.time, "sleep", lambda _seconds: None)


def test_a_backup_counts_once_it_was_proven(monkeypatch: pytest.MonkeyPatch) -> None:
    state(
        monkeypatch,
        "",
        '{"backup": {"at": 1.0}}',
        '{"backup": {"ok": true, "error": ""}, "verify": {"ok": true, "target": "local", "error": ""}, "restorable": 1.0}',
    )
    assert "target local" in demo.proven_backup()


@pytest.mark.parametrize("part", ["backup", "verify"])
def test_a_backup_that_failed_ends_the_demo(monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    state(monkeypatch, json.dumps({part: {"ok": False, "error": "no space", "target": "local"}}))
    with pytest.raises(demo.DemoError, match="no space"):
        demo.proven_backup()


def test_a_backup_that_never_comes_ends_the_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    state(monkeypatch, "", "")
    with pytest.raises(demo.DemoError, match="no proven backup within 0 s"):
        demo.proven_backup(0)
