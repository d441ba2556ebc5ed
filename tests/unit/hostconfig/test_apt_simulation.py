# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""apt is asked once, and again for each thing that it decides by."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.core.process import Result
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig import apt_simulation

Ask = Callable[..., str]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[str, ...]]:
    """What apt was asked; its answer is how often that was."""
    calls: list[tuple[str, ...]] = []

    def run(argv: Sequence[str], **_options: Any) -> Result:
        calls.append(tuple(argv))
        return Result(tuple(argv), 100 if "broken" in argv else 0, f"Inst {len(calls)}", "")

    (tmp_path / "lists").mkdir()
    (tmp_path / "lists/a_Packages").write_text("a")
    (tmp_path / "status").write_text("a")
    monkeypatch.setattr(apt_simulation, "run", run)
    monkeypatch.setattr(apt_simulation, "KEPT", tmp_path / "kept.json")
    return calls


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    return lambda *words: apt_simulation.simulated(*words, deciding=[tmp_path / name for name in ("lists", "status", "absent")])


def test_each_question_is_asked_once(asked: list[tuple[str, ...]], ask: Ask) -> None:
    assert [ask("upgrade"), ask("dist-upgrade"), ask("upgrade"), ask("dist-upgrade")] == ["Inst 1", "Inst 2", "Inst 1", "Inst 2"]
    assert asked[0] == ("apt-get", "--simulate", "--quiet", "upgrade")


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "lists/a_Packages").write_text("ab"),
        lambda folder: (folder / "lists/b_Packages").write_text("b"),
        lambda folder: (folder / "lists/a_Packages").unlink(),
        lambda folder: os.utime(folder / "status", (1, 1)),
        lambda folder: (folder / "absent").mkdir(),
        lambda folder: (folder / "kept.json").unlink(),
        lambda folder: (folder / "kept.json").write_text("{"),
        lambda folder: (folder / "kept.json").write_text("[]"),
    ],
)
def test_a_change_is_another_answer(asked: list[tuple[str, ...]], ask: Ask, tmp_path: Path, change: Callable[[Path], object]) -> None:
    assert ask("upgrade") == "Inst 1"
    change(tmp_path)
    assert ask("upgrade") == "Inst 2" == ask("upgrade")


def test_where_nothing_can_be_kept_it_answers_all_the_same(
    asked: list[tuple[str, ...]], ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apt_simulation, "KEPT", tmp_path / "no-such-folder/kept.json")
    assert [ask("upgrade"), ask("upgrade")] == ["Inst 1", "Inst 2"]


def test_a_failure_is_not_kept(asked: list[tuple[str, ...]], ask: Ask) -> None:
    assert [ask("broken"), ask("broken")] == ["Inst 1", "Inst 2"]
