# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An error that nobody expected is shown with its place and without secrets, whichever thread it ends."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.core import known_secrets, paths
from ansible_collections.latentum.ops.plugins.module_utils.core.tracebacks import mask_tracebacks


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With one value; the hooks of the tests come back."""
    monkeypatch.setattr(paths, "SECRETS", tmp_path)
    monkeypatch.setattr(known_secrets, "RECHECK", 0.0)
    (tmp_path / "token").write_text("first-value")
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    mask_tracebacks()


def fail(error: BaseException) -> None:
    raise error


def test_of_the_process(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        fail(ValueError("it says first-value, dsn postgres://u:word@db/x"))
    except ValueError as error:
        sys.excepthook(type(error), error, error.__traceback__)
    shown = capsys.readouterr().err
    assert shown.startswith("Traceback (most recent call last):\n") and "test_tracebacks.py" in shown
    assert shown.endswith("ValueError: it says ********, dsn postgres://u:********@db/x\n")


def test_of_a_thread(capsys: pytest.CaptureFixture[str]) -> None:
    for error in (ValueError("it says first-value"), SystemExit("first-value")):
        thread = threading.Thread(target=fail, args=(error,))
        thread.start()
        thread.join()
    assert capsys.readouterr().err.splitlines()[-1] == "ValueError: it says ********"
