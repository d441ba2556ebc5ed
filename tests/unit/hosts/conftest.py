# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The test hosts' own modules, and an engine that only writes down what it is asked."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "hosts"))

Answer = Callable[[tuple[str, ...]], tuple[int, str] | None]


class FakeEngine:
    """Answers like the docker command: by ``answer``, else with success and nothing."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, ...]] = []
        self.answer: Answer = lambda argv: None

    def __call__(self, *argv: str, check: bool = True, **_: object) -> subprocess.CompletedProcess[str]:
        self.calls.append(argv)
        rc, out = self.answer(argv) or (0, "")
        if check and rc:
            from engine import HostsError

            raise HostsError(out)
        return subprocess.CompletedProcess(list(argv), rc, stdout=out if rc == 0 else "", stderr="" if rc == 0 else out)

    def called(self, *start: str) -> list[tuple[str, ...]]:
        return [call for call in self.calls if call[: len(start)] == start]


@pytest.fixture
def fake_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeEngine:
    import cache
    import host
    import network
    import rootfs
    import snapshot
    import start_image

    fake = FakeEngine()
    for module in (host, network, rootfs, snapshot, start_image):
        monkeypatch.setattr(module, "docker", fake)
    monkeypatch.setattr(cache, "CACHE", tmp_path)
    return fake
