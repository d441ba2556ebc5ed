# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ending what somebody has running: by user, by login, by descent, and never whoever does it."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.access import sessions
from ansible_collections.latentum.ops.plugins.module_utils.access.sessions import Process, SessionError, connections, of_user, processes

NONE = 2**32 - 1  # of what no login began


def table(*rows: tuple[int, int, int, int]) -> dict[int, Process]:
    """Process, parent, user, login."""
    return {pid: Process(pid, parent, frozenset({uid}), login) for pid, parent, uid, login in rows}


# sshd, its part for ben, a shell, sudo and what it began as root, a program that was left behind, and ann beside them.
HOST = table(
    (1, 0, 0, NONE), (10, 1, 0, NONE), (11, 10, 1002, NONE), (12, 11, 1002, NONE), (13, 12, 0, NONE), (14, 13, 0, NONE),
    (20, 1, 1002, NONE), (21, 1, 0, 1002), (30, 10, 1001, NONE), (31, 30, 0, 1001),
)  # fmt: skip


def test_a_persons_processes() -> None:
    assert of_user(1002, HOST) == {11, 12, 13, 14, 20, 21}
    assert of_user(1001, HOST) == {30, 31}


def test_whoever_ends_them_goes_on() -> None:
    assert of_user(1002, HOST, frozenset({12, 13})) == {11, 14, 20, 21}
    assert 1 not in of_user(0, HOST)


def test_a_process_is_read_and_a_dead_one_passed_over(tmp_path: Path) -> None:
    for pid, state in (("7", "S (sleeping)"), ("8", "Z (zombie)"), ("self", "S"), ("9", "")):
        (tmp_path / pid).mkdir()
        if state:
            (tmp_path / pid / "status").write_text(f"Name:\tsh\nState:\t{state}\nPPid:\t3\nUid:\t5\t6\t6\t6\n")
            (tmp_path / pid / "cmdline").write_bytes(b"sh\0-c\0id\0")
    (tmp_path / "7/loginuid").write_text("4")
    assert processes(tmp_path) == {7: Process(7, 3, frozenset({5, 6}), 4, "sh\0-c\0id")}


def test_a_connection_is_known_by_what_sshd_calls_its_part() -> None:
    root, ben = frozenset({0}), frozenset({1002})
    titles = {
        10: (root, "/usr/sbin/sshd -D"),
        11: (root, "sshd-session: ben [priv]"),
        12: (root, "sshd: ben [priv]"),
        13: (root, "sshd-session: benjamin [priv]"),
        14: (ben, "sshd-session: ben [priv]"),  # anybody can call a program so
    }
    known = {pid: Process(pid, 1, uids, NONE, title) for pid, (uids, title) in titles.items()}
    assert connections("ben", known) == {11, 12}


def test_root_is_nobody_who_leaves() -> None:
    with pytest.raises(SessionError, match="root has no sessions"):
        sessions.end("root")
    assert sessions.end("nobody-of-this-name") == 0 == sessions.running("nobody-of-this-name")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_they_are_asked_before_they_are_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    stubborn = subprocess.Popen(["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done"], stdout=subprocess.PIPE, user="games")
    kind = subprocess.Popen(["sleep", "60"], user="games")
    assert stubborn.stdout is not None
    stubborn.stdout.readline()
    monkeypatch.setattr(sessions, "ASKED", 0.0)
    assert sessions.end("games") >= 2
    assert kind.wait(10) == -signal.SIGTERM and stubborn.wait(10) == -signal.SIGKILL
