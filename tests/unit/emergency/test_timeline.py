# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The timeline of an incident: all sources in one order, in UTC, of the stacks that are meant and of the time that is meant."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.backup import settings as backup_settings
from ansible_collections.latentum.ops.plugins.module_utils.backup import state as backup_state
from ansible_collections.latentum.ops.plugins.module_utils.emergency import timeline
from ansible_collections.latentum.ops.plugins.module_utils.firewall import isolated
from ansible_collections.latentum.ops.plugins.module_utils.firewall.isolated import Isolation
from ansible_collections.latentum.ops.plugins.module_utils.maintenance import windows
from ansible_collections.latentum.ops.plugins.module_utils.release import journal
from ansible_collections.latentum.ops.plugins.module_utils.release.journal import Journal
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.incidents import Incident

from ..cli import host
from . import places
from .places import Place

place = places.place
T = 1_900_000_000.0  # 2030-03-17 17:46:40 UTC


class FakeMemory:
    """What the watchdog remembers."""

    def __init__(self, opened: list[Incident] | None = None, history: list[Incident] | None = None) -> None:
        self.open, self.history = opened or [], history or []


@pytest.fixture(autouse=True)
def files(place: Place, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(isolated, "FILE", place.root / "isolation.json")
    monkeypatch.setattr(timeline, "Memory", FakeMemory)
    return place.root


def write(monkeypatch: pytest.MonkeyPatch, at: str, **entry: Any) -> None:
    monkeypatch.setattr(journal, "now", lambda: at)
    Journal("shop").write(**entry)


def texts(*stacks: str, since: float = 0.0, **how: Any) -> list[str]:
    return [f"{event.source} {event.subject}: {event.text}" for event in timeline.collect(stacks or ("shop",), since, **how)]


def test_a_deployment_is_how_it_began_and_how_it_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    write(monkeypatch, "2030-03-17T17:46:40Z", attempt="a", kind="deploy", release="abc", step="deploy abc, live is xyz")
    write(monkeypatch, "2030-03-17T17:46:45Z", attempt="a", kind="deploy", release="abc", service="api", step="start 1")
    write(monkeypatch, "2030-03-17T17:46:46Z", attempt="a", kind="deploy", release="abc", service="api", step="start 1", done=1.0)
    write(monkeypatch, "2030-03-17T17:47:00Z", attempt="a", kind="deploy", release="abc", step="failed", reason="not healthy\nmore")
    write(monkeypatch, "2030-03-17T17:47:09Z", attempt="a", kind="deploy", release="abc", step="taken back")
    assert texts() == [
        "deployment shop: deploy: deploy abc, live is xyz",
        "deployment shop: deploy abc: failed: not healthy",
        "deployment shop: deploy abc: taken back",
    ]
    assert "deployment shop/api: deploy abc: start 1" in texts(steps=True) and len(texts(steps=True)) == 4


def test_a_deployment_past_an_error_budget_says_so_before_it_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    about = {"attempt": "a", "kind": "deploy", "release": "abc"}
    write(monkeypatch, "2030-03-17T17:46:39Z", **about, step="error budget overridden", reason="outage", exemption="x", who="ada")
    write(monkeypatch, "2030-03-17T17:46:40Z", **about, step="deploy abc, live is xyz")
    write(monkeypatch, "2030-03-17T17:46:41Z", **about, step="start 1")
    assert texts() == [
        "deployment shop: deploy abc: error budget overridden: outage (ada)",
        "deployment shop: deploy: deploy abc, live is xyz",
    ]


def test_an_incident_from_its_first_sign_to_its_end() -> None:
    incident = Incident("shop/api", "shop", "api", "critical", "it is down", T, T + 3, T + 90, [(T + 5, "restarted it")], ["web"])
    incident.escalated, incident.needs_human = T + 30, True
    memory = FakeMemory(history=[incident])
    assert texts(memory=memory) == [
        "watchdog shop/api: first sign: it is down",
        "watchdog shop/api: critical incident opened, people were told",
        "watchdog shop/api: affects web",
        "watchdog shop/api: restarted it",
        "watchdog shop/api: worse: healing gave up",
        "watchdog shop/api: well again after 1 min",
    ]
    assert texts("blog", memory=memory) == []


def test_incidents_of_the_host_belong_to_every_stack() -> None:
    memory = FakeMemory(opened=[Incident("host/disk /", "", "disk /", "critical", "97 %", T, T)])
    assert texts("blog", memory=memory)[0] == "watchdog host disk /: first sign: 97 %"
    assert [incident.subject for incident in timeline.open_incidents(["blog"], memory)] == ["disk /"]


def test_maintenance_isolation_and_recoveries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        windows, "load", lambda: [windows.Window("shop", "a disk", "ada", T, T + 60), windows.Window("blog", "x", "ada", T, T)]
    )
    monkeypatch.setattr(isolated, "load", lambda: Isolation(T + 1, 0.0, "ada", "a break-in"))
    write(monkeypatch, "2030-03-17T17:46:45Z", kind="recover", attempt="r", step="restart: well", reason="restart shop-api-1", who="ada")
    assert [text.partition(":")[0] for text in texts()] == ["maintenance shop", "isolate host", "recover shop"]
    assert texts()[2] == "recover shop: restart: well: restart shop-api-1 (ada)"


def test_backups_that_failed_and_targets_that_are_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backup_settings, "stacks", lambda: ["shop"])
    noted = {
        "backup": {"ended": T, "ok": False, "error": "disk full"},
        "verify": {"at": T + 1, "ok": False, "error": "no database"},
        "restorable": T - 5,
        "targets": {"nas": {"since": T + 2, "error": "timeout"}, "offsite": {"since": 0}},
    }
    monkeypatch.setattr(backup_state, "read", lambda _stack: noted)
    assert texts() == [
        "backup shop: the last backup that was really restored",
        "backup shop: backup FAILED: disk full",
        "backup shop: proof FAILED: no database",
        "backup shop nas: target away: timeout",
    ]


def test_only_since_then(monkeypatch: pytest.MonkeyPatch) -> None:
    write(monkeypatch, "2030-03-17T17:46:39Z", attempt="a", kind="deploy", release="abc", step="live")
    write(monkeypatch, "2030-03-17T17:46:41Z", attempt="b", kind="deploy", release="def", step="live")
    assert texts(since=T) == ["deployment shop: deploy def: live"]


def test_a_line_that_a_crash_cut_off_or_without_a_time_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    write(monkeypatch, "yesterday", attempt="a", kind="deploy", step="live")
    with Journal("shop").lines.open("a") as file:
        file.write('{"at": "2030-03')
    assert texts() == []


def test_the_page_is_markdown_that_no_text_breaks() -> None:
    events = [timeline.Event(T, "watchdog", "shop/api", "a | b\n# c")]
    page = timeline.markdown("web1", ["shop"], T - 60, events, [Incident("k", "shop", "api", "critical", "down", T, T)], T + 60)
    assert "| 2030-03-17 17:46:40 | watchdog | shop/api | a \\| b # c |" in page
    assert "- **critical** shop/api since 2030-03-17 17:46:40 UTC: down" in page and "(2 min)" in page and "## To be written" in page


def test_nothing_at_all_is_a_page_as_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert host.run(["incident", "--since", "2h"]) == 0
    assert "nothing was written down" in capsys.readouterr().out
    assert host.run(["incident", "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)) == {"since", "until", "stacks", "events", "open", "markdown"}
    assert host.run(["incident", "--since", "lately"]) == 2
    assert "incident: --since 'lately'" in capsys.readouterr().err
