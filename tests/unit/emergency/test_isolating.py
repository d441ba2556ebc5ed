# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`opsctl isolate`: evidence comes first and leaves the host, the caller stays admitted, and everybody is told."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.backup.restic_errors import TargetError
from ansible_collections.latentum.ops.plugins.module_utils.emergency import evidence, isolating
from ansible_collections.latentum.ops.plugins.module_utils.firewall import isolated, isolation, policy
from ansible_collections.latentum.ops.plugins.module_utils.firewall.host import Connection
from ansible_collections.latentum.ops.plugins.module_utils.firewall.isolated import Isolation
from ansible_collections.latentum.ops.plugins.module_utils.firewall.policy import Policy
from ansible_collections.latentum.ops.plugins.module_utils.firewall.rules import FirewallError, Rule
from ansible_collections.latentum.ops.plugins.module_utils.release.journal import Journal
from ansible_collections.latentum.ops.plugins.module_utils.watchdog import suppression
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.probes.host import Isolated as IsolatedLook

from ..cli import host
from . import places
from .places import Place

place = places.place
ADA = Connection("198.51.100.2", 2222)


@pytest.fixture(autouse=True)
def order(place: Place, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was done, in its order; the packet filter is only noted."""
    did: list[str] = []

    def begin(wanted: Isolation) -> None:
        did.append("cut off")
        isolated.save(wanted)

    def end() -> Isolation | None:
        before = isolated.load()
        isolated.FILE.unlink(missing_ok=True)
        return before

    def collect(_tell: Any) -> evidence.Archive:
        did.append("evidence")
        return evidence.Archive(files={"a.txt": b"a"})

    monkeypatch.setattr(isolated, "FILE", place.root / "isolation.json")
    monkeypatch.setattr(isolation, "begin", begin)
    monkeypatch.setattr(isolation, "end", end)
    monkeypatch.setattr(isolation, "in_force", lambda: [])
    monkeypatch.setattr(isolation, "tunnel", lambda _at: "")
    monkeypatch.setattr(evidence, "collect", collect)
    monkeypatch.setattr(evidence, "FOLDER", place.root / "evidence")
    monkeypatch.setattr(policy, "RECORD", place.root / "firewall.json")
    monkeypatch.setattr(isolating, "connection", lambda: ADA)
    monkeypatch.setattr(isolating, "_beyond", lambda: [])
    return did


def run(*operators: str, **how: Any) -> isolating.Isolated:
    return isolating.isolate(1800, "a break-in", operators, lambda _line: None, **how)


def test_evidence_comes_before_anything_is_changed(place: Place, order: list[str]) -> None:
    done = run()
    assert order == ["evidence", "cut off"]
    assert Path(done.archive).stat().st_mode & 0o777 == 0o600 and len(done.sha256) == 64
    assert done.isolation.evidence == done.archive


def test_the_session_in_use_stays_admitted_at_its_port(place: Place) -> None:
    done = run()
    assert (done.isolation.operators, done.isolation.ports) == (("198.51.100.2",), (2222,)) and isolated.load() == done.isolation


def test_sources_that_the_firewall_names_for_ssh_are_operators(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = [
        Rule("limit", "22", "tcp", source="203.0.113.0/24"),
        Rule("limit", "22", "tcp"),
        Rule("allow", "443", "tcp", source="192.0.2.1"),
        Rule("deny", "22", "tcp", source="192.0.2.9"),
    ]
    monkeypatch.setattr(policy, "of_host", lambda: Policy(rules, ssh_port=22))
    done = run()
    assert done.isolation.operators == ("198.51.100.2", "203.0.113.0/24") and done.isolation.ports == (2222, 22)


def test_a_session_through_a_tunnel_is_refused_before_anything(place: Place, order: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "tunnel", lambda _at: "wg0")
    with pytest.raises(FirewallError, match="tunnel wg0"):
        run()
    assert order == []


def test_from_a_console_somebody_must_be_named(place: Place, order: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolating, "connection", lambda: None)
    with pytest.raises(FirewallError, match="--operator"):
        run()
    assert order == [] and run("203.0.113.7").isolation.operators == ("203.0.113.7",)


def test_twice_is_refused(place: Place) -> None:
    run()
    with pytest.raises(FirewallError, match="write --confirm or --undo"):
        run()


def test_the_evidence_goes_to_every_target_and_one_that_is_away_stops_nothing(
    place: Place, order: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Target:
        def __init__(self, name: str) -> None:
            self.name = name

    class Settings:
        targets = (Target("offsite"), Target("nas"))

    class Repository:
        def __init__(self, target: Target) -> None:
            self.target = target

        def backup(self, files: list[str], tags: tuple[str, ...], **_how: Any) -> None:
            assert order == ["evidence"] and tags == ("stack:shop", "kind:evidence") and Path(files[0]).exists()
            if self.target.name == "nas":
                raise TargetError("nas", "is away")

    monkeypatch.setattr(isolating.backup_settings, "stacks", lambda: ["shop"])
    monkeypatch.setattr(isolating.backup_settings, "load", lambda _stack: Settings())
    monkeypatch.setattr(isolating.running, "repository", Repository)
    done = run()
    assert done.sent == ["shop/offsite"] and "nas of shop did not take it" in done.warnings[0] and order[-1] == "cut off"


def test_the_history_of_each_stack_says_it(place: Place) -> None:
    run()
    isolating.end()
    assert [entry["step"] for entry in Journal("shop").read()] == ["isolated for 30 min: a break-in", "isolation ended"]


@pytest.mark.parametrize("seconds", [5, 200000])
def test_a_time_that_makes_no_sense(place: Place, seconds: float) -> None:
    with pytest.raises(ValueError, match="write a time from 1m to 1d"):
        isolating.isolate(seconds, "", [], print)


def test_the_verb_asks_shows_and_ends(place: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert host.run(["isolate", "--reason", "x"]) == 3 and isolated.load() is None
    assert host.run(["isolate", "--yes", "--for", "10m", "--reason", "x", "--json"]) == 0
    capsys.readouterr()
    assert host.run(["isolate", "--show", "--json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert answer["isolated"] and answer["operators"] == ["198.51.100.2"] and 500 < answer["until"] - time.time() < 700
    assert host.run(["isolate", "--yes"]) == 1  # already
    assert host.run(["isolate", "--undo"]) == 0 and host.run(["isolate", "--undo"]) == 0
    assert host.run(["isolate", "--show"]) == 0
    with pytest.raises(SystemExit):
        host.run(["isolate", "--undo", "--confirm"])


def test_the_watchdog_tells_it_and_heals_nothing_into_it(place: Place) -> None:
    quiet = suppression.Suppression(lambda _stack, _theirs: None)
    look = IsolatedLook()
    assert list(look.checks()) == []
    run()
    quiet.look(["shop"], time.monotonic())
    assert "isolated" in quiet.why("shop/web") and "isolated" in quiet.why("host/nginx") and quiet.why("host/isolation") == ""
    told = next(iter(look.checks()))
    assert told.state == "critical" and "certificates are not renewed" in told.reason and told.key == "host/isolation"
    isolating.end()
    quiet.look(["shop"], time.monotonic())
    assert "isolated" not in quiet.why("shop/web") and next(iter(look.checks())).state == "ok"


def test_no_firewall_policy_is_applied_into_it(place: Place) -> None:
    run()
    with pytest.raises(FirewallError, match="end it first"):
        policy.apply(Policy([]))
