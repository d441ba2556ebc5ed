# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deployments are told from the journal: once, at least once, and nothing of before."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.core import masking
from ansible_collections.latentum.ops.plugins.module_utils.release import journal as journal_module
from ansible_collections.latentum.ops.plugins.module_utils.release.journal import LINES, Journal
from ansible_collections.latentum.ops.plugins.module_utils.release.store import Release, Store
from ansible_collections.latentum.ops.plugins.module_utils.watchdog import deployments as module
from ansible_collections.latentum.ops.plugins.module_utils.watchdog import failures
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.alerting import message
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.alerting.digest import digest
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.alerting.message_html import html
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.alerting.notices import Alerting
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.alerting.routes import Alerts, Route, alerts_from
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.alerting.spool import REPEATED, Spool
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.deployments import RECENT, Deployments
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.failures import AGAIN, Failures
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.settings import Settings

from . import samples
from .samples import Clock, Host, Killed, throw

host, clock = samples.host, samples.clock
MODEL = {"name": "market", "service": "mlflow", "port": 5000}


def receiver(name: str = "chat", deployments: str = "success", stack: str = "shop", **more: Any) -> dict[str, Any]:
    severities = ["critical", "warning", "info"]
    return {"name": name, "kind": "slack", "url_file": f"/{name}", "severities": severities, "deployments": deployments, **more}


class Told:
    """Deployments as they are written down, and the watchdog that reads of them, which may be started again."""

    def __init__(self, host: Host, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
        self.host, self.clock = host, clock
        self.said: list[str] = []
        self.stacks = ["shop"]
        self.alerts: Alerts = alerts_from([{"stack": "shop", "alerts": [receiver()]}])
        self.attempts = count()
        self.file = host.state / "watchdog/journals.json"
        monkeypatch.setattr(journal_module, "now", self.now)
        for speaker in (module, failures):
            monkeypatch.setattr(speaker, "log", self.said.append)

    def now(self) -> str:
        return datetime.fromtimestamp(self.clock.wall, UTC).isoformat(timespec="seconds")

    def start(self) -> Told:
        """A watchdog, as after a restart."""
        self.failures = Failures()
        self.spool = Spool(self.host.state / "watchdog/spool")
        self.alerting = Alerting(Settings(), "app1", self.spool, self.failures)
        self.alerting.alerts = self.alerts
        self.deployments = Deployments(self.file, self.failures)
        return self.look()

    def look(self, seconds: float = 1.0) -> Told:
        """A round."""
        self.clock.go(seconds)
        self.deployments.look(self.stacks, self.alerting.deployed, self.clock.steady)
        return self

    def write(self, step: str, release: str = "b", stack: str = "shop", kind: str = "deploy", **more: Any) -> None:
        Journal(stack).write(attempt=f"t{next(self.attempts)}", kind=kind, release=release, step=step, **more)

    def live(self, release: str = "b", stack: str = "shop", **more: Any) -> None:
        """A deployment, with the lines around its end."""
        self.write("good", release, stack)
        self.write("live", release, stack, **more)

    @property
    def headlines(self) -> list[str]:
        """What is on its way, oldest first."""
        return [message.compose(item.notice, self.clock.wall).headline for item in self.spool.waiting()]

    @property
    def releases(self) -> list[str]:
        return [item.notice["incident"]["subject"].removeprefix("deployment:") for item in self.spool.waiting()]

    def message(self, index: int = -1) -> message.Message:
        return message.compose(self.spool.waiting()[index].notice, self.clock.wall)


@pytest.fixture
def told(host: Host, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Told]:
    yield Told(host, clock, monkeypatch)


def stored(*images: str, version: str = "", stack: str = "shop", **changes: Any) -> str:
    """A release on the host; its id."""
    named = dict(image.split("=") for image in images)
    models = [{**MODEL, "version": version}] if version else []
    plain = {"N": f"{images} {version}"}
    release = Release(stack, f"/opt/{stack}", {"services": {}}, plain, [], [], images=named, models=models, **changes)
    Store(stack).save(release)
    return release.id


# What is told


def test_a_release_that_went_live_is_told_with_what_changed(told: Told) -> None:
    before = stored("api=registry/api:1.2@sha256:a", "web=registry/web:1@sha256:b", "old=registry/old:1", version="3")
    after = stored("api=registry/api:1.3@sha256:c", "web=registry/web:1@sha256:d", "new=registry/new:7", version="4")
    told.start().live(after, before=before, who="ada (pid 12)", seconds=754, served=1200, failed=3)
    made = told.look().message()
    assert made.headline.startswith(f"LIVE app1: shop: release {after}: api 1.2 -> 1.3; web 1 (another digest: b -> d); new 7 (new)")
    assert (made.severity, made.good, made.stack) == ("info", True, "shop")
    assert dict(made.facts) == {
        "Release": after,
        "Before": before,
        "By": "ada",
        "Took": "12 min",
        "Requests": "1200 served, 3 failed",
        "Images": "api 1.2 -> 1.3; web 1 (another digest: b -> d); new 7 (new); old is gone",
        "Models": "model market: version 4, before 3",
        "At": made.facts[-1][1],
    }
    assert made.commands == [
        "ssh app1 sudo opsctl status",
        "ssh app1 sudo opsctl history --stack shop",
        "ssh app1 sudo opsctl releases --stack shop",
    ]
    assert "Images" in message.text(made) and "#067647" in html(made)


@pytest.mark.parametrize(
    ("line", "headline", "severity"),
    [
        ({"step": "live", "before": "a"}, "LIVE app1: shop: release b", "info"),
        ({"step": "live", "promoted_from": "staging@3f2a90c1d4e7"}, "PROMOTED app1: shop: release b", "info"),
        ({"step": "live", "kind": "rollback", "before": "c"}, "ROLLED BACK app1: shop: back to b, before c", "warning"),
        ({"step": "live", "kind": "scale"}, "SCALED app1: shop: release b", "info"),
        ({"step": "taken back", "live": "a", "reason": "api: crashed"}, "TAKEN BACK app1: shop: deploy of b: api: crashed", "warning"),
        ({"step": "taken back in part", "reason": "api: gone"}, "TAKEN BACK IN PART app1: shop: deploy of b: api: gone", "critical"),
    ],
)
def test_how_it_ended(told: Told, line: dict[str, Any], headline: str, severity: str) -> None:
    told.start().write(**line)
    assert told.look().headlines == [headline] and told.message().severity == severity
    verb = {"live": "went live", "taken back in part": "failed and is taken back in part only"}.get(
        ending := made_of(headline), f"was {ending}"
    )
    assert f"release {verb} on app1: shop: " in told.message().lead


def made_of(headline: str) -> str:
    return headline.partition(" app1")[0].lower()


def test_a_promotion_says_where_it_comes_from(told: Told) -> None:
    told.start().live(promoted_from="staging@3f2a90c1d4e7")
    assert dict(told.look().message().facts)["Promoted from"] == "staging@3f2a90c1d4e7"


def test_what_was_taken_back_says_why_with_the_last_lines_and_no_secret(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masking, "masker", _Masker)
    told.start()
    journal = Journal("shop")
    same = {"attempt": "x", "kind": "deploy", "release": "b"}
    journal.write(**same, step="failed", reason="api: it exited with 3\n  log: connecting as hunter2")
    journal.write(**same, step="taken back", live="a", before="a", who="ada (pid 3)")
    made = told.look().message()
    assert dict(made.facts)["Reason"] == "api: it exited with 3" and dict(made.facts)["Live now"] == "a"
    assert made.log == ["  log: connecting as ***"] and not made.good
    assert "hunter2" not in json.dumps(told.spool.waiting()[0].notice)


class _Masker:
    def mask(self, text: str, *, own: bool = False) -> str:
        return text.replace("hunter2", "***")


def test_releases_that_are_gone_or_damaged_make_the_notice_shorter_and_no_more(told: Told) -> None:
    broken = stored("api=registry/api:1")
    (Store("shop").path(broken) / "release.json").write_text("{")
    told.start().live(broken, before="gone")
    assert told.look().headlines == [f"LIVE app1: shop: release {broken}"]


# Who is told


def test_only_those_who_asked_and_of_what_they_asked_for(told: Told) -> None:
    alerts = [receiver("all"), receiver("bad", "failure"), receiver("none", "none"), receiver("pager", severities=["critical"])]
    told.alerts = alerts_from([{"stack": "shop", "alerts": alerts}])
    told.start().live()
    told.look()
    assert [item.route for item in told.spool.waiting()] == ["shop/all"]
    told.write("taken back", reason="crashed")
    told.look()
    assert [item.route for item in told.spool.waiting()] == ["shop/all", "shop/all", "shop/bad"]


def test_a_receiver_that_says_nothing_of_deployments_hears_of_none(told: Told) -> None:
    raw = {name: value for name, value in receiver().items() if name != "deployments"}
    told.alerts = alerts_from([{"stack": "shop", "alerts": [raw]}])
    told.start().live()
    told.look()
    assert told.headlines == [] and isinstance(told.alerting.alerts.routes["shop/chat"], Route)


def test_two_stacks_are_told_apart(told: Told) -> None:
    told.stacks = ["shop", "blog"]
    told.alerts = alerts_from([{"stack": "shop", "alerts": [receiver()]}, {"stack": "blog", "alerts": [receiver(stack="blog")]}])
    told.start().live("s1")
    told.live("b1", "blog")
    told.look()
    assert [(item.route, item.incident.partition(":")[0]) for item in told.spool.waiting()] == [
        ("shop/chat", "shop/deployment"),
        ("blog/chat", "blog/deployment"),
    ]
    told.start().live("s2")
    assert told.look().releases == ["s1", "b1", "s2"], "the same people: one journal moves the place of no other"


# Once, and at least once


def test_each_is_told_once_over_rounds_and_restarts(told: Told) -> None:
    told.start().live("b")
    for _round in range(5):
        told.look()
    for _restart in range(3):
        told.start()
    told.live("c")
    assert told.look().releases == ["b", "c"]
    told.clock.go(2 * REPEATED)
    told.spool.accepted(told.spool.waiting())
    told.spool.sweep(told.clock.wall)
    assert told.start().look().releases == [], "also when nobody remembers any more who was told"


def test_what_was_deployed_while_the_watchdog_was_down_is_told_late(told: Told) -> None:
    told.start()
    told.live("b")
    told.clock.go(3 * 86400)
    assert told.start().releases == ["b"] and "Held up" in dict(told.message().facts)


def test_a_receiver_that_is_down_delays_nothing_and_loses_nothing(told: Told) -> None:
    told.start().live("b")
    (item,) = told.look().spool.waiting()
    told.spool.retry([item], told.clock.wall)
    told.live("c")
    assert told.look().releases == ["b", "c"] and told.spool.waiting()[0].tries == 1


def test_a_spool_that_cannot_be_written_is_tried_again(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    told.start()
    told.live("b")
    told.live("c")
    with monkeypatch.context() as patched:
        patched.setattr(told.spool, "put", lambda *_given: throw(OSError("read-only")))
        for _round in range(4):
            told.look(AGAIN)
    assert told.headlines == [] and len(told.said) == 1 and "read-only" in told.said[0]
    assert told.look(AGAIN).releases == ["b", "c"]


def test_a_place_that_cannot_be_saved_tells_nothing_twice(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    told.start()
    with monkeypatch.context() as patched:
        patched.setattr(module, "write_state", lambda *_given, **_more: throw(OSError("full")))
        told.live("b")
        told.look().look(AGAIN)
    assert told.start().releases == ["b"], "the spool remembers it"
    assert json.loads(told.file.read_text())["stacks"]["shop"]["offset"] == Journal("shop").lines.stat().st_size


def test_killed_between_the_spool_and_the_place(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(*_given: Any, **_more: Any) -> None:
        raise Killed

    told.start()
    told.live("b")
    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(module, "write_state", dies)
        told.look()
    assert told.start().releases == ["b"]


def test_a_line_that_is_being_written_waits_for_its_end(told: Told) -> None:
    told.start()
    lines = Journal("shop").lines
    Journal("shop").write(kind="deploy", step="good")
    whole = json.dumps({"at": told.now(), "attempt": "x", "kind": "deploy", "release": "b", "step": "live"}) + "\n"
    with lines.open("a") as file:
        file.write(whole[:40])
    assert told.look().releases == []
    with lines.open("a") as file:
        file.write(whole[40:])
    assert told.look().releases == ["b"]


def test_a_line_behind_one_that_a_power_cut_has_cut_off_is_told(told: Told) -> None:
    told.start().write("good")
    with Journal("shop").lines.open("a") as file:
        file.write('{"at": "2026-11-29T10:0')
    told.look()
    told.write("live", "b")
    assert told.look().releases == ["b"]


@pytest.mark.parametrize("odd", ['["live"]', '{"step": "live", "kind": "deploy", "release": {"a": 1}, "seconds": "no"}', "\x00\x00"])
def test_odd_lines_stop_nothing(told: Told, odd: str) -> None:
    told.start().write("good")
    with Journal("shop").lines.open("a") as file:
        file.write(f"{odd}\n")
    told.live("b")
    assert told.look().releases[-1] == "b" and told.look().releases[-1] == "b"


# Nothing of before


def test_a_long_history_is_no_news_when_a_watchdog_looks_for_the_first_time(told: Told) -> None:
    for number in range(300):
        told.live(f"r{number}")
    assert told.start().releases == []
    told.live("b")
    assert told.look().releases == ["b"]


def test_a_receiver_that_is_turned_on_later_hears_of_what_comes(told: Told) -> None:
    told.alerts = alerts_from([{"stack": "shop", "alerts": [receiver(deployments="none")]}])
    told.start().live("b")
    told.look()
    told.alerts = alerts_from([{"stack": "shop", "alerts": [receiver()]}])
    assert told.start().releases == []
    told.live("c")
    assert told.look().releases == ["c"]


def test_the_first_release_of_a_stack_that_is_watched_already_is_told(told: Told) -> None:
    told.start().live("a")
    assert told.look().releases == ["a"]


def test_a_stack_that_comes_back_begins_anew(told: Told) -> None:
    told.start().live("a")
    told.look()
    told.stacks = []
    told.look()
    told.live("b")
    told.stacks = ["shop"]
    assert told.look().look().releases == ["a"]


# A journal that was cut, and clocks


def test_a_journal_that_was_trimmed_goes_on_where_it_was(told: Told) -> None:
    told.start().live("a")
    told.look()
    for number in range(2 * LINES):
        told.write(f"step {number}")
        if number == LINES:
            told.look()
    told.live("b")
    Journal("shop").trim()
    assert told.look().releases == ["a", "b"]


def test_a_trimmed_journal_and_a_clock_that_was_set_back_at_once(told: Told) -> None:
    """The place is known by the line, not by its time."""
    told.start().live("a")
    told.look()
    told.clock.jump(-86400)
    for number in range(100):
        told.write(f"step {number}")
    told.live("b")
    lines = Journal("shop").lines
    lines.write_text("".join(lines.read_text().splitlines(keepends=True)[1:]))
    assert told.look().releases == ["a", "b"]


@pytest.mark.parametrize("then", ["longer", "shorter"])
def test_a_journal_that_was_emptied_goes_on_with_what_is_new(told: Told, then: str) -> None:
    for number in range(50 if then == "shorter" else 1):
        told.live(f"r{number}")
    told.start().live("a")
    told.look()
    Journal("shop").lines.write_text("")
    told.clock.go(5)
    for number in range(1 if then == "shorter" else 9):
        told.live(f"n{number}")
    assert told.look().releases == ["a", *(f"n{number}" for number in range(1 if then == "shorter" else 9))]
    assert told.start().look().releases[-1][0] == "n"


def test_an_old_journal_that_is_put_back_is_no_news(told: Told) -> None:
    for number in range(5):
        told.live(f"r{number}")
        told.clock.go(60)
    told.start().live("a")
    told.look()
    old = Journal("shop").lines.read_text()
    Journal("shop").lines.unlink()
    told.look()
    told.clock.go(5)
    half = old.index("\n", len(old) // 3) + 1
    for part in (old[:half], old[:half].replace('"t', '"again')):
        Journal("shop").lines.write_text(part)
        told.look()
    told.live("b")
    assert told.look().releases == ["a", "b"]


def test_a_clock_that_was_set_back_hides_nothing_and_repeats_nothing(told: Told) -> None:
    told.start().live("a")
    told.look()
    told.clock.jump(-86400)
    told.live("b")
    assert told.look().releases == ["a", "b"]
    assert told.start().look().releases == ["a", "b"]


# A place that is damaged


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "{}", '{"stacks": []}', '{"stacks": {"shop": 7}}', '{"stacks": {"shop": {"offset": -4}}}',
                '{"stacks": {"shop": {"offset": "x"}}}', '{"stacks": {"shop": {"offset": 5, "length": 9, "digest": "a"}}}'],
)  # fmt: skip
def test_a_damaged_place_costs_no_notice_and_brings_no_history(told: Told, content: str) -> None:
    told.live("ancient")
    told.clock.go(RECENT + 60)
    told.start().live("a")
    told.look()
    told.file.write_text(content)
    told.live("b")
    assert told.start().look().releases == ["a", "b"]
    assert any("is damaged" in line for line in told.said)
    assert told.start().releases == ["a", "b"] and sum("is damaged" in line for line in told.said) == 1


def test_a_place_of_another_journal_is_a_lost_one(told: Told) -> None:
    told.start().live("a")
    told.look()
    places = json.loads(told.file.read_text())
    places["stacks"]["shop"] |= {"digest": "0" * 32, "newer_field": 1}
    told.file.write_text(json.dumps(places))
    told.clock.go(5)
    told.live("b")
    assert told.start().releases == ["a", "b"]


# How it is read in a digest


def test_a_digest_calls_them_done_and_not_ended(told: Told) -> None:
    told.start().live("a")
    told.write("taken back", "b", reason="crashed")
    notices = [item.notice for item in told.look().spool.waiting()]
    made = digest(notices, told.clock.wall)
    assert made.severity == "warning" and made.headline.startswith("WARNING app1: 2 incidents: 2 done")
    assert made.sections[0][0] == "Deployments and jobs" and "deploy of b: crashed" in made.sections[0][1][1]
    assert digest(notices[:1], told.clock.wall).severity == "info"


def test_journals_are_read_and_not_written(told: Told, tmp_path: Path) -> None:
    told.start().live("a")
    before = Journal("shop").lines.read_bytes()
    told.look()
    assert Journal("shop").lines.read_bytes() == before
