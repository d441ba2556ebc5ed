# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of public Compose files, and what is counted as an answer."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "bench"
sys.path.insert(0, str(BENCH))
import compose_files  # noqa: E402


def test_each_file_is_named_by_repository_commit_and_path() -> None:
    lines = compose_files.LIST.read_text().splitlines()
    assert len(lines) == len(set(lines)) >= 300
    assert [line for line in lines if not re.fullmatch(r"[\w.-]+/[\w.-]+\t[0-9a-f]{40}\t\S[^\t]*\.ya?ml", line)] == []


@pytest.mark.parametrize(
    ("compose", "answers", "passes"),
    [
        ("services: {a: {image: 'a:1'}}", 0, True),
        ("services: {a: {image: a}, b: {image: b}, c: {image: c}}", 3, True),
        ("services: {a: {image: a}, b: {image: b}, c: {image: c, privileged: true}}", 4, False),
        ("services: {a: {image: 'a:${TAG}'}}", 1, True),
        ("services: {a: {image: 'a:1', network_mode: 'service:b'}}", 1, False),  # no answer removes the error
        ("services: {a: {image: 'a:1', extends: {service: b}}}", 0, False),  # nothing can be asked of what Compose does not read
        ("services: [", 0, False),
    ],
)
def test_an_answer_is_counted_once_a_service_and_an_error_without_a_waiver_never_passes(
    tmp_path: Path, compose: str, answers: int, passes: bool
) -> None:
    (tmp_path / "compose.yml").write_text(compose)
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@example.com"]
    subprocess.run([*git, "init", "--quiet"], check=True)
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "--quiet", "--no-verify", "--message=a"], check=True)
    result = compose_files.measure(compose_files.Repository(tmp_path, "HEAD"), "compose.yml")
    assert (len(result.questions), result.passes) == (answers, passes)
    summary = compose_files.summary([result])
    assert summary["files"] == 1 and summary["accepted_with_3_answers_or_fewer"] == int(passes)
