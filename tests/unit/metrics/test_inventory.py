# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of the containers: by events and by few questions, with an engine that is slow, away, or knows more than there may be."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.containers.api import EngineError
from ansible_collections.latentum.ops.plugins.module_utils.metrics import inventory
from ansible_collections.latentum.ops.plugins.module_utils.metrics.inventory import Inventory, describe

from .trees import Tree, event

NOW = [0.0]


@pytest.fixture
def host(tmp_path: Path) -> Tree:
    NOW[0] = 0.0
    tree = Tree(tmp_path, "v2")
    for number in (1, 2):
        tree.add(number)
    return tree


def connected(host: Tree) -> Inventory:
    known = Inventory(lambda: NOW[0])
    known.connect(host.engine())
    assert known.refresh()
    host.asked.clear()
    return known


def names(known: Inventory) -> list[str]:
    return [container.name for container in known.containers() if container.running]


def test_containers_that_do_not_run_and_were_never_seen_are_not_looked_at(host: Tree) -> None:
    host.end(f"{2:064x}")
    known = Inventory()
    known.connect(host.engine())
    assert known.refresh() and names(known) == ["shop-api-1"] and host.asked == ["list", "inspect 01"]


def test_what_an_event_names_is_looked_at_once(host: Tree) -> None:
    known = connected(host)
    for action in ("start", "die", "start", "health_status: healthy", "exec_start: sh"):
        known.hear(event(action, f"{1:064x}"))
    for other in ({"Type": "network", "Action": "connect", "Actor": {"ID": "n"}}, {}, {"Type": "container", "Action": "start"}):
        known.hear(other)
    assert known.refresh() and host.asked == ["inspect 01"]
    assert known.refresh() and host.asked == ["inspect 01"]


def test_a_new_name_and_a_lost_event_are_seen_within_a_minute(host: Tree) -> None:
    known = connected(host)
    host.documents[f"{1:064x}"]["Name"] = "/renamed"
    host.add(3)
    host.end(f"{2:064x}")
    NOW[0] = 59.0
    assert known.refresh() and names(known) == ["shop-api-1", "shop-api-2"] and not host.asked
    NOW[0] = 61.0
    assert known.refresh() and names(known) == ["renamed", "shop-api-3"]
    assert sorted(host.asked) == ["inspect 01", "inspect 02", "inspect 03", "list"]


def test_after_the_engine_was_away_all_that_run_are_looked_at(host: Tree) -> None:
    known = connected(host)
    known.connect(None)
    assert not known.refresh()
    host.again(f"{1:064x}", "2026-11-29T11:00:00Z", count=3)
    known.connect(host.engine())
    assert known.refresh() and known.restarts(f"{1:064x}") == 3 and known.restarts(f"{2:064x}") == 0


def test_an_engine_that_does_not_answer_is_asked_once_a_scrape_and_nothing_is_forgotten(
    host: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(inventory, "log", said.append)
    known = connected(host)
    for number in (1, 2):
        known.hear(event("start", f"{number:064x}"))

    def refuse(_asked: str) -> None:
        raise EngineError("timed out")

    host.broken = refuse
    assert not known.refresh() and len(host.asked) == 1 and "timed out" in said[0]
    host.broken = lambda _asked: None
    host.asked.clear()
    assert known.refresh() and host.asked == ["inspect 01", "inspect 02"]


def test_nothing_is_kept_of_what_is_gone_even_if_nobody_ever_asks_for_metrics() -> None:
    known = Inventory()
    for number in range(1000):
        for action in ("start", "oom", "die", "destroy"):
            known.hear(event(action, f"{number:064x}"))
    assert not known._tallies and not known._touched


def test_more_containers_than_may_be_are_cut_and_said(host: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(inventory, "log", said.append)
    monkeypatch.setattr(inventory, "MOST", 3)
    for number in range(3, 8):
        host.add(number)
    known = Inventory(lambda: NOW[0])
    known.connect(host.engine())
    assert not known.refresh() and len(names(known)) == 3 and said == ["watchdog: metrics of the first 3 of 7 containers"]
    for number in range(3, 8):
        del host.documents[f"{number:064x}"]
    NOW[0] = 100.0
    assert known.refresh() and names(known) == ["shop-api-1", "shop-api-2"] and said[-1].startswith("watchdog: metrics of all of 2")


@pytest.mark.parametrize("wrong", [{"State": None}, {"Config": None}, {"State": {"StartedAt": "yesterday"}}, {"Name": None}])
def test_a_description_that_cannot_be_read_takes_nothing_from_the_others(
    host: Tree, wrong: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(inventory, "log", said.append)
    host.documents[f"{1:064x}"].update(wrong)
    known = Inventory()
    engine = host.engine()
    engine.api.containers = lambda **_how: [{"Id": identity, "State": "running"} for identity in host.documents]  # type: ignore[method-assign]
    engine.api.inspect_container = lambda identity: host.documents[identity]  # type: ignore[method-assign]
    known.connect(engine)
    assert known.refresh() and names(known) == ["shop-api-2"] and "cannot be read" in said[0]


@pytest.mark.parametrize(
    ("state", "running"),
    [
        ({"Status": "running", "Running": True, "Pid": 7}, True),
        ({"Status": "paused", "Running": True, "Paused": True, "Pid": 7}, True),
        ({"Status": "restarting", "Running": True, "Restarting": True, "Pid": 0}, False),
        ({"Status": "created", "Running": False, "Pid": 0, "StartedAt": "0001-01-01T00:00:00Z"}, False),
    ],
)
def test_only_one_with_a_process_runs(state: dict[str, object], running: bool) -> None:
    raw = {"Id": "a", "Name": "/a", "State": state, "Config": {}, "Created": "2026-11-29T10:00:00Z"}
    container = describe(raw)
    assert container.running is running and container.started == 1795946400 and container.labels == {}
