# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Since when a release is live, as Prometheus is told: graphs draw a line there."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.core import paths
from ansible_collections.latentum.ops.plugins.module_utils.core.times import epoch
from ansible_collections.latentum.ops.plugins.module_utils.release.journal import LIVE, Journal
from ansible_collections.latentum.ops.plugins.module_utils.release.store import Store
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.release_metrics import Releases


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(paths, "RELEASES", tmp_path)
    return tmp_path


def told(releases: Releases, *stacks: str) -> dict[str, tuple[str, float]]:
    """Release and time, by stack."""
    (family,) = releases.families(stacks)
    return {sample.labels["stack"]: (sample.labels["release"], sample.value) for sample in family.samples}


def deploy(release: str, stack: str = "shop") -> float:
    """A release goes live; when, as the journal says."""
    Store(stack).set_live(release)
    Journal(stack).write(kind="deploy", step=LIVE, release=release)
    return epoch(Journal(stack).read(1)[0]["at"])


def test_a_release_is_live_since_its_rollout_ended() -> None:
    releases, at = Releases(), deploy("r1")
    assert told(releases, "shop") == {"shop": ("r1", at)}
    later = deploy("r2")
    assert told(releases, "shop") == {"shop": ("r2", later)}


def test_a_line_about_something_else_moves_nothing() -> None:
    releases, at = Releases(), deploy("r1")
    Journal("shop").write(kind="scale", step="begun", release="r1")
    assert told(releases, "shop", "shop") == {"shop": ("r1", at)}


def test_nothing_is_made_up(folder: Path) -> None:
    releases = Releases()
    assert told(releases, "shop") == {}  # nothing was ever deployed
    Store("blog").set_live("r1")
    assert told(releases, "blog") == {}  # a history that does not go back so far
    deploy("r1", "news")
    (folder / "news/live.json").write_text("{")
    assert told(Releases(), "news") == {}  # damaged, which others tell of
