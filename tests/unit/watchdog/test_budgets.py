# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Error budgets on the status page, from a real Prometheus; and what is shown where none answers, or only slowly."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.error_budget import BudgetPolicy, SloSettings
from ansible_collections.latentum.ops.plugins.module_utils.release.journal import Journal
from ansible_collections.latentum.ops.plugins.module_utils.slo import settings as slo_settings
from ansible_collections.latentum.ops.plugins.module_utils.watchdog import budgets as module
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.budgets import EVERY, Budgeting, Budgets
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.live_table import table
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.looks import Observation

from ..free_ports import free_port
from ..slo.judge import needs_prometheus, objective
from ..slo.recorded_prometheus import Recorded, budget, now, prometheus
from . import lives, samples
from .lives import Days
from .samples import Host

host, clock, life = samples.host, samples.clock, lives.life
SVG = "{http://www.w3.org/2000/svg}"
BEGAN = now()  # by the clock of this machine
INCIDENT = {"stack": "shop", "subject": "api <script>", "cause": "a password", "began": time.time() - 7200, "ended": time.time() - 3600}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A day of an objective that has 70 % left, and of one that has 5 %."""
    left = [(at, 1 - 0.3 * number / 100) for number, at in enumerate(range(now() - 80000, now() + 1, 800))]
    recorded = [Recorded("slo:budget_remaining:ratio", {"stack": "shop", "slo": "api"}, left)]
    recorded += [*budget("api", 100_000, 30, {"6h": 0.002}), *budget("search", 100_000, 95, {"6h": 0.01})]
    with prometheus(tmp_path_factory.mktemp("prometheus"), recorded) as running:
        yield running


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slo_settings, "FOLDER", tmp_path / "slo")
    (tmp_path / "slo").mkdir()


def declare(address: str, *names: str, stack: str = "shop", timeout: float = 60) -> None:
    """What a deployment leaves on the host."""
    objectives = tuple(objective(stack=stack, name=name, window=86400) for name in names)
    given = SloSettings(stack, objectives, address, BudgetPolicy(timeout=timeout))
    slo_settings.file_of(stack).write_text(json.dumps(given.to_dict()))


def asked(incidents: list[dict[str, Any]] | None = None) -> Budgets:
    """What a look brings."""
    found = module._ask("shop", incidents or [])
    assert found is not None
    return found


@needs_prometheus
def test_what_is_left_is_asked_drawn_and_marked(host: Host, address: str) -> None:
    declare(address, "api", "search", "new")
    Journal("shop").write(attempt="a", kind="deploy", release="73a916e02776", step="live")
    found = asked([INCIDENT, {**INCIDENT, "stack": "blog"}])
    assert found.error == "" and time.time() - found.at < 600
    entries = {entry["objective"]: entry for entry in found.entries}
    assert entries["api"]["remaining"] == pytest.approx(0.7) and entries["api"]["state"] == "normal"
    assert entries["search"]["state"] == "refuse" and entries["search"]["spent_in"] > 0
    assert entries["new"]["remaining"] is None and entries["new"]["state"] == "unknown"
    root = ElementTree.fromstring(found.pictures["api"])  # noqa: S314 - our own
    assert sum(len(line.attrib["points"].split()) for line in root.iter(f"{SVG}polyline")) > 50
    titles = [title.text for title in root.iter(f"{SVG}title")]
    # A release and an incident of this stack: neither its name nor its cause, which a page for all does not show.
    assert titles == ["Error budget of shop/api", "deploy", "api <script>"]
    assert "73a916e02776" not in found.pictures["api"] and "a password" not in found.pictures["api"]
    assert len(found.pictures["api"]) < 30_000


@pytest.mark.parametrize(
    ("file", "known"),
    [(None, False), ("{}", True), ("{", True), ('{"stack": "shop", "objectives": [], "prometheus": "http://127.0.0.1:9"}', False)],
)
def test_a_stack_without_objectives_asks_nobody(host: Host, file: str | None, known: bool) -> None:
    if file is not None:
        slo_settings.file_of("shop").write_text(file)
    assert (module._ask("shop", []) is not None) is known


def test_objectives_without_a_prometheus_are_not_shown(host: Host) -> None:
    declare("", "api")
    assert module._ask("shop", []) is None


def test_who_does_not_answer_is_left_after_the_timeout_and_named_to_operators(host: Host) -> None:
    declare(f"http://127.0.0.1:{free_port()}", "api")
    assert "127.0.0.1" in asked().error
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        declare(f"http://127.0.0.1:{hanging.getsockname()[1]}", "api", timeout=1)
        assert asked().error


@needs_prometheus
def test_the_page_shows_it_and_says_when_nobody_can_be_asked(life: Days, address: str) -> None:
    """The clock of this host is played: what is recorded is of its own time."""
    life.clock.wall = BEGAN - EVERY - 60
    declare(address, "api")
    life.clock.go(EVERY)
    life.pass_by(32)
    page = life.host.run / "desk" / "page" / "shop"
    text, data = (page / "index.html").read_text(), json.loads((page / "status.json").read_text())
    assert "Error budgets" in text and "70.0% left" in text and "<polyline" in text and "cannot be measured" not in text
    assert data["stacks"][0]["budgets"]["known"] is True
    gone = f"http://127.0.0.1:{free_port()}"
    declare(gone, "api")
    life.clock.go(EVERY)
    life.pass_by(32)
    text, data = (page / "index.html").read_text(), (page / "status.json").read_text()
    assert "70.0% left" in text and "cannot be measured right now. They are those of" in text
    assert json.loads(data)["stacks"][0]["budgets"]["known"] is False
    assert gone not in text and gone not in data and gone.removeprefix("http://") in table(life.daemon.components.publication.status)


def test_a_look_that_hangs_holds_up_no_round_and_is_not_begun_twice(life: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[str] = []
    monkeypatch.setattr(module, "_ask", lambda stack, _incidents: begun.append(stack))
    life.pools[0].held = True
    life.clock.go(EVERY)
    life.pass_by(5)
    life.pools[0].held = False
    life.clock.go(EVERY)
    life.pass_by(5)
    assert begun == [] and life.state == "ok"


def test_what_is_known_of_a_stack_that_is_gone_is_forgotten() -> None:
    def begin(token: tuple[str, ...], look: Any) -> None:
        budgeting.take(Observation(token, 0.0, Budgets(({"objective": token[1]},), at=1.0)))

    budgeting = Budgeting(begin)
    budgeting.look(["shop", "blog"], list, 0.0)
    assert budgeting.of("blog") is not None
    budgeting.look(["shop"], list, 1.0)
    assert budgeting.of("blog") is None and budgeting.pictures("blog") == {} and budgeting.of("shop") is not None
