# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`opsctl slo`: the table, the object, the picture and the exit status, of what a real Prometheus has."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.cli import deploy as deploy_verbs
from ansible_collections.latentum.ops.plugins.module_utils.cli import objectives
from ansible_collections.latentum.ops.plugins.module_utils.contracts.error_budget import SloSettings
from ansible_collections.latentum.ops.plugins.module_utils.core import atomic_files
from ansible_collections.latentum.ops.plugins.module_utils.release.journal import Journal
from ansible_collections.latentum.ops.plugins.module_utils.rollout.objectives_file import put
from ansible_collections.latentum.ops.plugins.module_utils.rollout.request import DeployFailed, Order
from ansible_collections.latentum.ops.plugins.module_utils.slo import gate
from ansible_collections.latentum.ops.plugins.module_utils.slo import settings as slo_settings
from ansible_collections.latentum.ops.plugins.module_utils.slo.picture import HEIGHT

from ..free_ports import free_port
from ..slo.judge import needs_prometheus, objective
from ..slo.recorded_prometheus import Recorded, budget, now, prometheus
from . import host

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A day of two objectives of a stack, and one of another; the first has 70 % left, the second nothing."""
    left = [(at, 1 - 0.3 * number / 100) for number, at in enumerate(range(now() - 80000, now() + 1, 800))]
    history = Recorded("slo:budget_remaining:ratio", {"stack": "shop", "slo": "api"}, left)
    recorded = [*budget("api", 100_000, 30, {"1h": 0.002, "6h": 0.002, "1d": 0.0003}), history, *budget("spent", 100_000, 500)]
    recorded += budget("api", 1000, 0, {"6h": 0}, stack="blog")
    with prometheus(tmp_path_factory.mktemp("prometheus"), recorded) as running:
        yield running


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    host.point_to(tmp_path, monkeypatch.setattr)
    monkeypatch.setattr(atomic_files.os, "fchown", lambda *_given: None)
    for stack in ("shop", "blog"):
        host.declare(tmp_path, stack, "web")
    return tmp_path


def declare(stack: str, address: str, *names: str, policy: dict[str, Any] | None = None, **more: Any) -> None:
    """What a deployment leaves on the host."""
    slos = [objective(stack=stack, name=name, window=86400, **more).to_dict() for name in names]
    given = {"stack": stack, "objectives": slos, "prometheus": address, "policy": policy or {}}
    slo_settings.FOLDER.mkdir(parents=True, exist_ok=True)
    slo_settings.file_of(stack).write_text(json.dumps(given))


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """Exit status and output; tables by single blanks."""
    status = host.run(["slo", *words])
    return status, capsys.readouterr().out


@needs_prometheus
def test_the_table_has_what_was_measured_and_until_when_it_lasts(root: Path, address: str, capsys: pytest.CaptureFixture[str]) -> None:
    declare("shop", address, "api")
    status, said = run(capsys, "--stack", "shop")
    words = " ".join(said.split())
    assert status == 0
    assert "shop/api availability of route a.example.com/ 99.9 % 1d 1.4 min 99.97 % 70.0% (70.0 of 100 failures)" in words
    assert re.search(r"2\.0, 2\.0, 0\.3, - 8h 2[34]m \(\d{4}-\d\d-\d\d\) normal: release as usual", words)


@needs_prometheus
def test_a_spent_budget_is_exit_status_1_and_all_stacks_are_shown(root: Path, address: str, capsys: pytest.CaptureFixture[str]) -> None:
    declare("shop", address, "api", "spent")
    declare("blog", address, "api")
    status, said = run(capsys)
    assert status == objectives.SPENT and said.count("shop/") == 2 and "blog/api" in said and "-400.0%" in said
    assert run(capsys, "--stack", "blog")[0] == 0
    declare("shop", address, "spent", burn_in=True)
    assert run(capsys)[0] == 0
    declare("shop", address, "spent", min_events=10**6)  # too few to stop a release
    assert run(capsys)[0] == 0


@needs_prometheus
def test_programs_get_numbers(root: Path, address: str, capsys: pytest.CaptureFixture[str]) -> None:
    declare("shop", address, "api", "unheard")
    status, said = run(capsys, "--stack", "shop", "--json")
    answer = json.loads(said)
    assert (status, answer["state"]) == (objectives.UNKNOWN, "normal")
    api, unheard = answer["objectives"]
    assert (api["events"], api["failed"], api["state"]) == (100_000, 30, "normal")
    assert api["budget_remaining"] == pytest.approx(0.7) and api["spent_in"] == pytest.approx(0.7 * 86400 / 2)
    assert api["burn_rates"] == pytest.approx({"1h": 2, "6h": 2, "1d": 0.3})
    assert unheard["budget_remaining"] is None and "nothing is measured of unheard" in answer["unknown"][0]


@needs_prometheus
def test_the_picture_has_releases_and_incidents(root: Path, address: str, capsys: pytest.CaptureFixture[str]) -> None:
    declare("shop", address, "api", "spent")
    Journal("shop").write(step="live", kind="deploy", release="3f2a90c1d4e7")
    Journal("shop").write(step="good", kind="deploy", release="3f2a90c1d4e7")
    lasted = {"stack": "shop", "subject": "web", "cause": "crashed <again>", "began": now() - 7200, "ended": now() - 3600}
    gone = {**lasted, "began": now() - 10**6, "ended": now() - 10**6 + 60}
    (root / "run").mkdir(exist_ok=True)
    published = {"at": now(), "stacks": [], "incidents": [{**lasted, "stack": "blog"}], "history": [lasted, gone]}
    (root / "run/status.json").write_text(json.dumps(published))
    file = root / "budgets.svg"
    run(capsys, "--stack", "shop", "--svg", str(file))
    drawing = ElementTree.parse(file).getroot()  # noqa: S314 - our own
    assert float(drawing.attrib["height"]) == 2 * HEIGHT and [
        inner.attrib["y"] for inner in drawing.iter(f"{SVG}svg") if "y" in inner.attrib
    ]
    titles = [title.text for title in drawing.iter(f"{SVG}title")]
    assert titles.count("shop: deploy of 3f2a90c1d4e7") == 2 and titles.count("shop: web: crashed <again>") == 2
    assert not [title for title in titles if title and title.startswith("blog")]
    assert next(drawing.iter(f"{SVG}polyline")) is not None


def test_nobody_to_ask_is_said_and_exit_status_3(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    away = f"http://127.0.0.1:{free_port()}"
    declare("shop", away, "api")
    status, said = run(capsys, "--stack", "shop")
    assert status == objectives.UNKNOWN and f"shop: {away}: cannot be asked" in " ".join(said.split()) and "99.9 %" in said
    declare("shop", "", "api")
    status, said = run(capsys, "--stack", "shop")
    assert status == objectives.UNKNOWN and "no Prometheus is named" in said and "measured" not in said.splitlines()[0]


def test_without_objectives_there_is_nothing_to_know(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, said = run(capsys)
    assert status == 0 and "no objective is declared" in said


def test_a_damaged_file_is_said_with_its_name(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    declare("shop", "", "api")
    slo_settings.file_of("shop").write_text('{"stack": "shop"}')
    assert host.run(["slo"]) == 2 and f"{slo_settings.file_of('shop')} is damaged (objectives: is missing)" in capsys.readouterr().err


def test_objectives_come_to_the_host_with_a_deployment_and_go_with_the_last_one(root: Path) -> None:
    settings = SloSettings.from_dict({"stack": "shop", "objectives": [objective().to_dict()], "prometheus": "http://127.0.0.1:9090"})
    assert put("shop", settings, check=True) and not slo_settings.file_of("shop").exists()
    assert put("shop", settings, check=False) and not put("shop", settings, check=False)
    assert slo_settings.load("shop") == settings
    assert put("shop", None, check=True) and slo_settings.load("shop") == settings
    assert put("shop", None, check=False) and slo_settings.load("shop") is None and not put("shop", None, check=False)


def test_a_file_of_a_newer_engine_is_read(root: Path) -> None:
    declare("shop", "", "api", policy={"refuse_below": 5, "new": 1})
    loaded = slo_settings.load("shop")
    assert loaded is not None and loaded.policy.refuse_below == 5


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], None),
        (["--security-fix", "CVE-2026-1234"], gate.Passage(gate.Exemption.SECURITY_FIX, "CVE-2026-1234")),
        (["--budget-override", "the outage"], gate.Passage(gate.Exemption.OVERRIDE, "the outage")),
    ],
)
def test_a_deployment_by_hand_asks_as_well(
    root: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], expected: gate.Passage | None
) -> None:
    declare("shop", "http://127.0.0.1:9090", "api")
    orders: list[Order] = []

    def begun(_stack: str, order: Order) -> None:
        orders.append(order)
        raise DeployFailed("as far as this test goes")

    monkeypatch.setattr(deploy_verbs, "Deployment", begun)
    assert host.run(["deploy", "--stack", "shop", *words]) == 1
    assert host.run(["rollback", "--stack", "shop"]) == 1
    deploy, rollback = orders
    assert deploy.slo == slo_settings.load("shop") and deploy.passage == expected
    assert rollback.slo is None and rollback.passage is None


def test_a_deployment_by_hand_wants_a_reason(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert host.run(["deploy", "--stack", "shop", "--budget-override", "yes"]) == 2
    assert "budget_override: 'yes' is no reason: write what for" in capsys.readouterr().err
