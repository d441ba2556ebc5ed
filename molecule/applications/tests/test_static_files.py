# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scripts of Neurocore's page come out of its image: also without a container, and those of the release before."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from conftest import NEUROCORE, Answer, containers, request, sh

FOLDER = f"/var/lib/latentum-ops/static/neurocore/{NEUROCORE}"
IMAGE = "registry.example.test:5000/neurocore/frontend"


def opsctl(words: str) -> str:
    return sh(f"opsctl {words} --stack neurocore 2>&1", timeout=900)


def script() -> str:
    """The path of the script that the page names."""
    found = re.search(r'src="(/assets/app\.[0-9a-f]{8}\.js)"', request(f"https://{NEUROCORE}/").body)
    assert found is not None
    return found[1]


def ask(path: str) -> Answer:
    return request(f"https://{NEUROCORE}{path}", "--max-time", "5")


@pytest.fixture
def updated() -> Iterator[tuple[str, str]]:
    """The script before and after an update of the frontend, which is rolled back in the end."""
    before = script()
    opsctl(f"deploy --image frontend={IMAGE}:1.1.0 --no-backup --force --wait 300")
    yield before, script()
    if script() != before:
        opsctl("rollback")


def test_files_of_the_image_are_on_the_disk_and_come_from_there() -> None:
    path = script()
    assert sh(f"stat -c '%a %U' {FOLDER}{path}") == "644 root"
    names = " ".join(containers("neurocore", "frontend"))
    sh(f"docker pause {names}")
    try:
        answer = ask(path)
    finally:
        sh(f"docker unpause {names}", check=False)
    assert answer.status == 200 and "immutable" in answer.headers["cache-control"] and "javascript" in answer.headers["content-type"]
    assert sh("docker ps --all --quiet --filter name=neurocore-static-files") == "", "what they were taken out of is gone"


def test_a_page_that_is_open_gets_its_script_over_an_update_and_a_rollback(updated: tuple[str, str]) -> None:
    before, after = updated
    assert before != after
    assert [ask(path).status for path in updated] == [200, 200]
    opsctl("rollback")
    assert script() == before and [ask(path).status for path in updated] == [200, 200]
    assert ask("/assets/app.00000000.js").status == 404
