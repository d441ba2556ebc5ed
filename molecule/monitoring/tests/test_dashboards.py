# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dashboards of a provisioned host: every question that Grafana would ask, asked of its own Prometheus. Grafana is not here."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import Measured, visit, wait_for

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tests/dashboards"))

from asking import Document, Look, Question, questions

FOLDER = "/etc/latentum-ops/grafana/dashboards"
SCRAPE = 5  # seconds, as the host's variables say
STACK, SERVICE = "latentum", "api-gateway"
# A container of the tests has none of these, or not those of a host.
NOT_OF_A_CONTAINER = {"Host / Clock is off by", "Host / TCP connections", "Host / Fullest file system", "Host / File systems",
                      "Overview / Fullest file system"}  # fmt: skip


class Asked:
    """Prometheus of the host."""

    def __init__(self, host: Measured) -> None:
        self.host = host

    def __call__(self, path: str) -> Any:
        """What is in an answer; an answer that says what is wrong with the question fails."""
        ask = (
            "import sys, urllib.error, urllib.request as web\n"
            f"try: sys.stdout.write(web.urlopen('http://127.0.0.1:9090/api/v1/{path}', timeout=30).read().decode())\n"
            "except urllib.error.HTTPError as error: sys.stdout.write(error.read().decode())"
        )
        shown = self.host.sh(f"python3 - <<'END'\n{ask}\nEND")
        answer = json.loads(shown)
        assert answer["status"] == "success", f"{path}: {answer}"
        return answer["data"]


@pytest.fixture(scope="module")
def documents(host: Measured) -> list[Document]:
    """The dashboards, as they are on the host."""
    names = host.sh(f"ls {FOLDER}").split()
    return [json.loads(host.sh(f"cat {FOLDER}/{name}")) for name in names if name.endswith(".json")]


def test_there_is_a_dashboard_for_all_that_is_measured(documents: list[Document]) -> None:
    shown = {document["uid"] for document in documents}
    assert {f"latentum-{name}" for name in ("overview", "service", "host", "containers", "nginx")} <= shown


def test_every_question_has_an_answer(host: Measured, documents: list[Document]) -> None:
    # Something to count, for some scrapes: requests to the first route of the stack, as a client sends them.
    for _number in range(30):
        visit("/")
        time.sleep(1)
    left = [(document, question) for document in documents for question in questions(document)]

    def unanswered() -> list[tuple[Document, Question]]:
        look = Look(Asked(host), time.time(), SCRAPE, span=900, points=60, chosen={"stack": STACK, "service": SERVICE})
        values = {document["uid"]: look.variables(document) for document in documents}
        return [(document, question) for document, question in left if not look.answer(question, values[document["uid"]])]

    def all_answered() -> bool:
        left[:] = unanswered()
        return not wrong()

    def wrong() -> list[str]:
        return [
            question.name
            for _document, question in left
            if not question.empty and f"{question.dashboard} / {question.panel}" not in NOT_OF_A_CONTAINER
        ]

    try:
        wait_for("an answer to every question", all_answered, 600)
    except AssertionError:
        raise AssertionError("\n".join(["no answer:", *wrong()])) from None


def test_an_alert_leads_to_no_dashboard_without_an_address(host: Measured) -> None:
    """No address is declared here; a link to 127.0.0.1 would help nobody."""
    assert host.sh("grep --recursive --count 'dashboard:' /etc/latentum-ops/monitoring/rules | grep --invert-match ':0$' || true") == ""
