# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Polling of a real Git repository: what is new comes once, and whoever does not answer is asked less often."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.builds.access import Access
from ansible_collections.latentum.ops.plugins.module_utils.builds.repository import Repository
from ansible_collections.latentum.ops.plugins.module_utils.contracts.delivery import DeliverySettings, PullSource
from ansible_collections.latentum.ops.plugins.module_utils.delivery.polling import Poller
from ansible_collections.latentum.ops.plugins.module_utils.delivery.request import Request

from .samples import DIGEST, NOW, settings


class Git:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.run("init", "--quiet", "--initial-branch=main", str(folder))
        self.commit()

    def run(self, *words: str) -> str:
        who = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false", "-c", "tag.gpgsign=false")
        place = ("-C", str(self.folder)) if self.folder.exists() else ()
        return subprocess.run(["git", *who, *place, *words], capture_output=True, text=True, check=True).stdout.strip()

    def commit(self) -> str:
        self.run("commit", "--quiet", "--allow-empty", "--message=x")
        return self.run("rev-parse", "HEAD")


class Asked:
    """Answers from a repository, through the same call as on a host."""

    def __init__(self, git: Git, folder: Path) -> None:
        self.git, self.fails, self.times = git, False, 0
        self.taken: list[tuple[str, Request]] = []
        self.poller = Poller(folder, lambda identity, wanted, _now: self.taken.append((identity, wanted)), self.ask)

    def ask(self, _settings: DeliverySettings, source: PullSource) -> Any:
        self.times += 1
        return Repository("/nowhere" if self.fails else str(self.git.folder), Access({"HOME": str(self.git.folder)}), source.name).refs()

    def look(self, now: float, **changes: Any) -> list[str]:
        source = {"name": "releases", "kind": "git", "address": "https://git.example.com/acme/shop.git", "every": 60, **changes}
        before = len(self.taken)
        self.poller.look(settings(pull=[source]), now)
        return [wanted.ref for _identity, wanted in self.taken[before:]]


@pytest.fixture
def asked(tmp_path: Path) -> Asked:
    return Asked(Git(tmp_path / "repository"), tmp_path / "polling")


def test_what_was_there_is_no_news_and_what_comes_is_once(asked: Asked) -> None:
    asked.git.run("tag", "v1.4.1")
    assert asked.look(NOW) == []
    tagged = asked.git.commit()
    asked.git.run("tag", "--annotate", "--message=x", "v1.4.2")
    asked.git.run("branch", "hotfix")
    asked.git.run("branch", "develop")  # for staging, and this is production
    assert asked.look(NOW + 30) == []  # not its time yet
    assert asked.look(NOW + 61) == ["main", "v1.4.2"]
    request = asked.taken[-1][1]
    assert (request.commit, request.kind, request.repository, request.source) == (tagged, "tag", "acme/shop", "releases")
    assert asked.look(NOW + 122) == []


def test_killed_before_it_was_written_down_it_has_the_same_number(asked: Asked) -> None:
    asked.look(NOW)
    seen = asked.poller.folder / "shop.releases.json"
    before = seen.read_text()
    asked.git.run("tag", "v1.4.2")
    asked.look(NOW + 61)
    seen.write_text(before)
    asked.look(NOW + 61)
    assert len(asked.taken) == 2 and asked.taken[0][0] == asked.taken[1][0]


def test_a_tag_that_was_moved_is_another_release(asked: Asked) -> None:
    asked.git.run("tag", "v1.4.1")
    asked.look(NOW)
    asked.git.commit()
    asked.git.run("tag", "--force", "v1.4.1")
    assert asked.look(NOW + 61) == ["main", "v1.4.1"]


def test_whoever_does_not_answer_is_asked_less_often_and_nothing_is_lost(asked: Asked, capsys: pytest.CaptureFixture[str]) -> None:
    asked.look(NOW)
    asked.fails, now = True, NOW
    while now < NOW + 4 * 3600:
        now += 10
        asked.look(now)
    assert 8 <= asked.times <= 14 and "cannot be asked" in capsys.readouterr().out
    asked.fails = False
    asked.git.run("tag", "v1.4.2")
    assert asked.look(now + 3600) == ["v1.4.2"]


def test_another_repository_has_no_news_either(asked: Asked) -> None:
    asked.look(NOW)
    asked.git.run("tag", "v1.4.2")
    assert asked.look(NOW + 61, address="https://git.example.com/acme/other.git") == []


def test_tags_of_an_image_are_known_by_their_digests(tmp_path: Path) -> None:
    refs = {"refs/tags/1.4.2": DIGEST}
    taken: list[Request] = []
    poller = Poller(tmp_path, lambda _identity, wanted, _now: taken.append(wanted), lambda *_given: dict(refs))
    source = {"name": "image", "kind": "registry", "address": "registry.example.com/acme/api", "every": 60}
    known = settings(pull=[source])
    poller.look(known, NOW)
    refs["refs/tags/1.4.3"] = DIGEST
    poller.look(known, NOW + 61)
    (wanted,) = taken
    assert (wanted.repository, wanted.commit) == ("acme/api", "") and wanted.pushed is not None and wanted.pushed.digest == DIGEST
