# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every question of every panel, asked of a real Prometheus that is fed by the real exporters."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.dashboards import FOLDER
from ansible_collections.latentum.ops.plugins.module_utils.dashboards.setup import setup
from asking import Document, Look, Question, questions

from .world import PATIENCE, SERVICE, STACK, World, needs_programs

pytestmark = needs_programs
SECRETS = {"password_file": "/s/password", "key_file": "/s/key"}
# What a machine of the tests has not, and the panel says so itself.
NOT_HERE = {
    "Host / Pressure", "Host / Full in", "Host / Inodes", "Host / Connections that the firewall remembers",
    "Host / Read and written", "Host / Busy", "Host / Operations", "Host / Received and sent", "Host / Dropped and erroneous packets",
    # A budget that is spent already has no time at which it will be; one that is not burnt neither.
    "Objectives / First budget is spent in",
}  # fmt: skip


def documents(world: World, **more: object) -> list[Document]:
    """The dashboards for what is measured."""
    settings = {**SECRETS, "jobs": list(world.jobs), "logs": True, **more}
    made = setup([stack.to_dict() for stack in world.stacks], settings)
    assert made.problems == ()
    return [json.loads(content) for path, content in made.files.items() if path.startswith(f"{FOLDER}/dashboards/")]


def look(world: World) -> Look:
    """Somebody who looks now."""
    return Look(world.ask, time.time(), scrape=1, span=max(10.0, time.time() - world.began), chosen={"stack": STACK, "service": SERVICE})


def unanswered(world: World, asked: Iterable[tuple[Document, Question]]) -> list[tuple[Document, Question]]:
    """Those that have no answer yet; a question that is none fails."""
    now = look(world)
    values: dict[str, dict[str, str]] = {}
    left = []
    for document, question in asked:
        chosen = values.setdefault(document["uid"], now.variables(document))
        if not now.answer(question, chosen):
            left.append((document, question))
    return left


def test_every_question_is_one_and_has_an_answer(measured: World) -> None:
    left = [(document, question) for document in documents(measured) for question in questions(document)]
    assert len(left) > 120
    end = time.monotonic() + PATIENCE

    def missing() -> list[str]:
        return [question.name for _document, question in left if f"{question.dashboard} / {question.panel}" not in NOT_HERE]

    while left and time.monotonic() < end:
        try:
            left = unanswered(measured, left)
        except AssertionError as error:
            if "nothing to choose from" not in str(error):
                raise
        if not missing():
            break
        time.sleep(1)
    assert missing() == []
    # Nothing is excused that says nothing for the case.
    assert [question.name for _document, question in left if not question.empty] == []


def test_what_is_no_question_is_seen(measured: World) -> None:
    with pytest.raises(AssertionError, match="parse error"):
        look(measured).answer(Question("x", "y", "sum by (rate(up[5m])"), {})


def test_what_nobody_measures_is_seen(measured: World) -> None:
    assert look(measured).answer(Question("x", "y", "node_memory_MemAvailible_bytes"), {}) == []
