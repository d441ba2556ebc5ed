# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line of opsctl: each verb reaches what does it, and an error is one sentence and a status."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.cli import (
    backup,
    containers,
    deploy,
    health,
    main,
    releases,
    status,
    upstreams,
    watchdog,
)
from ansible_collections.latentum.ops.plugins.module_utils.containers.client import DockerUnavailable
from ansible_collections.latentum.ops.plugins.module_utils.release.store import ReleaseError
from ansible_collections.latentum.ops.plugins.module_utils.watchdog import gate


def opsctl(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["opsctl", *words])
    return main.main()


@pytest.mark.parametrize(
    ("words", "owner", "function"),
    [
        (["releases"], releases, "run_verb"),
        (["rollback"], deploy, "run_verb"),
        (["incidents"], watchdog, "run_verb"),
        (["backup", "list"], backup, "run_verb"),
        (["status", "--json"], status, "run_verb"),
        (["health"], health, "run_verb"),
        (["upstreams", "show"], upstreams, "_show"),
        (["ps"], containers, "run_verb"),
        (["shell", "web"], containers, "run_verb"),
    ],
)
def test_a_verb_ends_with_the_status_of_what_does_it(monkeypatch: pytest.MonkeyPatch, words: list[str], owner: Any, function: str) -> None:
    monkeypatch.setattr(owner, function, lambda *_arguments, **_how: 3)
    assert opsctl(monkeypatch, *words) == 3


def test_the_follower_is_a_verb(monkeypatch: pytest.MonkeyPatch) -> None:
    followed: list[bool] = []
    monkeypatch.setattr(gate, "main", lambda: followed.append(True))
    assert opsctl(monkeypatch, "upstreams", "follow") == 0 and followed


@pytest.mark.parametrize(("error", "code"), [(ReleaseError("no release"), 1), (DockerUnavailable("no engine"), 2), (OSError("disk"), 2)])
def test_an_error_is_one_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, code: int) -> None:
    def fails(*_given: Any) -> int:
        raise error

    monkeypatch.setattr(status, "run_verb", fails)
    assert opsctl(monkeypatch, "status") == code
    assert capsys.readouterr().err == f"opsctl: {error}\n"


def test_an_interrupt_has_its_status(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_given: Any) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(health, "run_verb", interrupted)
    assert opsctl(monkeypatch, "health") == 130
