# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every question of every panel, asked of a real Prometheus that is fed by the real exporters."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.capacity.collecting import collect
from ansible_collections.latentum.ops.plugins.module_utils.contracts.capacity import ReportSettings
from ansible_collections.latentum.ops.plugins.module_utils.contracts.dashboards import FOLDER
from ansible_collections.latentum.ops.plugins.module_utils.dashboards.setup import setup
from ansible_collections.latentum.ops.plugins.module_utils.slo.measured import measure
from ansible_collections.latentum.ops.plugins.module_utils.slo.source import Source, SourceError
from asking import Document, Look, Question, questions

from .world import HOST, PATIENCE, SERVICE, STACK, World, needs_lighter, needs_programs, until

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
    all_answered(measured)


@needs_lighter
def test_the_lighter_back_end_answers_every_question_too(lighter: World) -> None:
    all_answered(lighter)


@needs_lighter
def test_budgets_and_the_report_are_asked_of_the_lighter_back_end_as_of_prometheus(lighter: World) -> None:
    """By the client and with the questions of `opsctl slo`, gates, the canary and `opsctl report`."""
    source = Source(f"http://{lighter.address}")
    objectives = lighter.stacks[0].objectives
    until(lambda: (measure(objectives, source, time.time())[0].budget.failed or 0) > 0, "an objective is measured")
    (measured,) = measure(objectives, source, time.time())
    assert {"1h", "6h"} <= measured.burn_rates.keys()

    def history() -> bool:
        return any(entry.points for entry in source.query_range("slo:budget_remaining:ratio", time.time() - 60, time.time(), 2))

    until(history, "a picture of the budget")
    settings = ReportSettings(HOST, f"http://{lighter.address}")
    report = collect(settings, time.time() - 3600, time.time())
    assert report.memory and report.processors and report.resources
    assert source.query("vector(1)")[0].value == 1
    with pytest.raises(SourceError, match="sum"):
        source.query("sum by (up")


def all_answered(measured: World) -> None:
    """In the end, but for what this machine has not."""
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
