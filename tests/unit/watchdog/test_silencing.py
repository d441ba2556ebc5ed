# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is silenced in Alertmanager is healed, written down and shown, and told to nobody until the silence is over."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any, cast

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.cli import watchdog as cli
from ansible_collections.latentum.ops.plugins.module_utils.cli.output import Output
from ansible_collections.latentum.ops.plugins.module_utils.monitoring import silences
from ansible_collections.latentum.ops.plugins.module_utils.monitoring.silences import Matcher, Silence, SilencesError
from ansible_collections.latentum.ops.plugins.module_utils.watchdog import silencing
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.failures import Failures
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.incidents import Incident
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.live_table import incidents_table, table
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.looks import Observation
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.probes.host import Check
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.silencing import PATIENCE, TOKEN, Answer, Silencing, labels_of, names_of

from . import samples
from .lives import API, Days
from .samples import Clock, Host, incident

host, clock = samples.host, samples.clock
HOUR = 3600.0


class Alertmanager:
    """One that is played: what is silenced there, or why it does not answer."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.silences: list[Silence] = []
        self.error = ""
        self.asked = 0
        monkeypatch.setattr(silencing, "read", self.read)

    def read(self, address: str) -> list[Silence]:
        assert address == "127.0.0.1:9093"
        self.asked += 1
        if self.error:
            raise SilencesError(self.error)
        return [silence for silence in self.silences if silence.until > time.time()]

    def silence(self, lasts: float = HOUR, comment: str = "disk swap, ticket 17", **labels: str) -> None:
        """Somebody makes one."""
        matchers = tuple(Matcher(name, value) for name, value in labels.items())
        self.silences = [Silence("1", matchers, "ada@example.com", comment, time.time() + lasts)]


@pytest.fixture
def alertmanager(monkeypatch: pytest.MonkeyPatch) -> Alertmanager:
    return Alertmanager(monkeypatch)


@pytest.fixture
def life(host: Host, clock: Clock, monkeypatch: pytest.MonkeyPatch, alertmanager: Alertmanager) -> Days:
    """A host that has an Alertmanager."""
    made = Days(host, clock, monkeypatch)
    (host.etc / "watchdog" / "host.json").write_text('{"name": "web-1", "metrics": "", "alertmanager": "127.0.0.1:9093"}')
    made.start()
    return made


def broken(life: Days, number: int = 1) -> None:
    """It dies, and whatever is done about it is in vain."""
    life.dies(number)
    life.pass_by(3)


def well(life: Days) -> None:
    """It runs again, for long enough."""
    life.change(state="running", health="healthy")
    life.pass_by(12)


def test_a_fault_in_a_silence_is_healed_and_shown_and_told_to_nobody(life: Days, alertmanager: Alertmanager) -> None:
    alertmanager.silence(stack="shop", service="api")
    life.pass_by(15)
    broken(life)
    assert life.told == [] and "start api1" in life.did and life.state == "degraded"
    (known,) = life.open
    assert "by ada@example.com until" in known.silenced and "disk swap" in known.silenced
    assert any("nobody was told: silenced in Alertmanager until" in what for _at, what in known.done)
    status = life.daemon.components.publication.status
    shown = table(status)
    assert "silenced in Alertmanager by ada@example.com" in shown and 'stack="shop", service="api"' in shown
    assert "silenced" in incidents_table(status)


def test_one_that_is_over_before_the_silence_is_told_to_nobody_and_stays_in_the_history(life: Days, alertmanager: Alertmanager) -> None:
    alertmanager.silence(stack="shop")
    life.pass_by(15)
    broken(life)
    well(life)
    alertmanager.silences = []
    life.pass_by(30)
    assert life.told == [] and life.open == []
    assert [ended.key for ended in life.daemon.runtime.memory.history] == [API]


@pytest.mark.parametrize("how", ["it is over", "expired by hand", "edited to another service", "lost by Alertmanager"])
def test_what_is_still_open_when_a_silence_ends_is_told_once(life: Days, alertmanager: Alertmanager, how: str) -> None:
    alertmanager.silence(lasts=60, stack="shop", service="api")
    life.pass_by(15)
    broken(life)
    assert life.told == []
    if how == "it is over":
        life.pass_by(50)
    elif how == "edited to another service":
        alertmanager.silence(stack="shop", service="worker")
    else:
        alertmanager.silences = []
    life.pass_by(15)
    assert life.told == [f"open {API}"] and life.open[0].silenced == "" and life.open[0].untold == ""
    life.pass_by(60)
    life.start()
    assert life.told.count(f"open {API}") == 1


def test_a_longer_silence_keeps_it_untold(life: Days, alertmanager: Alertmanager) -> None:
    alertmanager.silence(lasts=60, stack="shop")
    life.pass_by(15)
    broken(life)
    alertmanager.silence(lasts=10 * HOUR, stack="shop")
    life.pass_by(300)
    assert life.told == []


def test_whoever_was_told_of_the_beginning_is_told_of_the_end(life: Days, alertmanager: Alertmanager) -> None:
    broken(life)
    assert life.told == [f"open {API}"]
    alertmanager.silence(stack="shop")
    life.pass_by(15)
    assert life.open[0].silenced
    well(life)
    assert life.told == [f"open {API}", f"end {API}"]


def test_who_was_told_is_not_reminded_in_a_silence(life: Days, alertmanager: Alertmanager, monkeypatch: pytest.MonkeyPatch) -> None:
    broken(life)
    alertmanager.silence(stack="shop", lasts=100 * HOUR)
    life.pass_by(15)
    life.clock.go(15000)  # reminders come each four hours
    life.pass_by(15)
    assert life.told == [f"open {API}"]
    alertmanager.silences = []
    life.pass_by(25)
    assert life.told == [f"open {API}", f"reminder {API}"]


def test_what_gets_worse_in_a_silence_is_told_as_bad_as_it_is_when_that_ends_and_once(life: Days, alertmanager: Alertmanager) -> None:
    alertmanager.silence(stack="shop")
    life.pass_by(15)
    for _crash in range(12):
        life.dies(state="restarting")
        life.pass_by(2)
    assert life.told == [] and life.open[0].needs_human and life.open[0].severity == "critical"
    alertmanager.silences = []
    life.pass_by(15)
    (notice,) = [waiting.notice for waiting in life.daemon.components.alerting.spool.waiting()]
    assert (notice["what"], notice["incident"]["severity"]) == ("open", "critical")
    life.start()
    assert life.told == [f"open {API}"]


def test_a_silence_of_warnings_ends_when_it_is_none_any_more(life: Days, alertmanager: Alertmanager) -> None:
    alertmanager.silence(stack="shop", severity="warning")
    life.pass_by(15)
    broken(life)
    assert life.told == []
    for _crash in range(12):
        life.dies(state="restarting")
        life.pass_by(2)
    assert life.told == [f"open {API}"] and life.open[0].severity == "critical"


@pytest.mark.parametrize("labels", [{"stack": "blog"}, {"instance": "web-2"}, {"alertname": "HighErrorRate", "stack": "shop"}])
def test_a_silence_of_something_else_holds_nothing_back(life: Days, alertmanager: Alertmanager, labels: dict[str, str]) -> None:
    alertmanager.silence(HOUR, **labels)
    life.pass_by(15)
    broken(life)
    assert life.told == [f"open {API}"]


def test_a_restart_of_the_watchdog_tells_nothing_of_what_is_silenced(life: Days, alertmanager: Alertmanager) -> None:
    alertmanager.silence(stack="shop")
    life.pass_by(15)
    broken(life)
    life.start()
    life.pass_by(30)
    assert life.told == [] and life.open[0].silenced
    alertmanager.error = "it is being started"
    life.start()
    life.pass_by(30)
    assert life.told == []
    alertmanager.error, alertmanager.silences = "", []
    life.pass_by(15)
    assert life.told == [f"open {API}"]


def test_an_alertmanager_that_is_away_ends_a_silence_after_a_while_and_stops_nothing(life: Days, alertmanager: Alertmanager) -> None:
    alertmanager.silence(stack="shop", lasts=10 * HOUR)
    life.pass_by(15)
    broken(life)
    alertmanager.error = "Alertmanager at 127.0.0.1:9093 does not answer"
    life.pass_by(PATIENCE - 60)
    assert life.told == [] and "start api1" in life.did
    life.pass_by(120)
    assert life.told == [f"open {API}"]
    # The journal has its beginning, and not each try.
    assert sum("asking Alertmanager" in words and "fails" in words for words in life.said) == 1
    alertmanager.error = ""
    life.pass_by(15)
    assert sum("asking Alertmanager" in words and "works again" in words for words in life.said) == 1


def test_an_alertmanager_that_is_away_does_not_prolong_a_silence(life: Days, alertmanager: Alertmanager) -> None:
    alertmanager.silence(stack="shop", lasts=60)
    life.pass_by(15)
    broken(life)
    alertmanager.error = "away"
    life.pass_by(90)
    assert life.told == [f"open {API}"]


def test_an_alertmanager_that_hangs_holds_up_nothing_and_is_asked_once(life: Days, alertmanager: Alertmanager) -> None:
    life.pools[0].held = True
    life.pass_by(60)
    life.pools[0].held = False
    asked = alertmanager.asked
    broken(life)
    life.pass_by(30)
    assert life.told == [f"open {API}"] and alertmanager.asked == asked


def test_a_host_without_alertmanager_asks_nobody(life: Days, alertmanager: Alertmanager) -> None:
    alertmanager.silence(stack="shop")
    life.pass_by(15)
    (life.host.etc / "watchdog" / "host.json").write_text('{"name": "web-1", "metrics": ""}')
    life.daemon.reloading = True
    life.pass_by(1)
    asked = alertmanager.asked
    broken(life)
    assert life.told == [f"open {API}"] and alertmanager.asked == asked


def test_the_dead_man_s_switch_goes_on_while_what_is_critical_is_silenced(life: Days, alertmanager: Alertmanager) -> None:
    publication = life.daemon.components.publication
    alertmanager.silence(instance="web-1")
    life.pass_by(15)
    life.checks[:] = [Check("docker"), Check("nginx", "critical", "inactive", "nginx does not run")]
    life.pass_by(30)
    assert [known.key for known in life.open] == ["host/nginx"] and life.told == []
    assert publication.calm and not publication.well
    alertmanager.silences = []
    life.pass_by(15)
    assert not publication.calm and life.told == ["open host/nginx"]


def test_the_page_says_that_it_is_silenced_and_neither_who_nor_why(life: Days, alertmanager: Alertmanager) -> None:
    life.watch()
    alertmanager.silence(stack="shop")
    life.pass_by(15)
    broken(life)
    life.pass_by(15)
    folder = life.host.run / "desk" / "page" / "shop"
    page, data = (folder / "index.html").read_text(), (folder / "status.json").read_text()
    assert "alarms about it are silenced" in page and json.loads(data)["incidents"][0]["silenced"] is True
    for hidden in ("ada@example.com", "disk swap", "ticket"):
        assert hidden not in page and hidden not in data


def plain(file: Path, monkeypatch: pytest.MonkeyPatch, *silences: Silence) -> Silencing:
    """With what it was told."""
    made = Silencing(file, lambda _token, _look: None, Failures())
    made.use("127.0.0.1:9093", "web-1")
    made.take(Observation(TOKEN, time.monotonic(), Answer(silences)), time.monotonic())
    return made


def test_a_clock_that_is_set_back_or_forward_ends_no_silence_that_alertmanager_confirms(
    host: Host, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    silence = Silence("1", (Matcher("stack", "shop"),), "ada", "", clock.wall + HOUR)
    known = plain(host.state / "watchdog" / "silences.json", monkeypatch, silence)
    clock.jump(3 * HOUR)
    assert known.active(clock.steady) == [silence]
    clock.jump(-30 * HOUR)
    assert known.active(clock.steady) == [silence]


@pytest.mark.parametrize("text", ["{", "[]", '{"silences": [{"id": 1}]}', '{"silences": 7}', '{"silences": [], "at": "x"}'])
def test_a_damaged_file_is_none(host: Host, clock: Clock, text: str) -> None:
    file = host.state / "watchdog" / "silences.json"
    file.write_text(text)
    assert Silencing(file, lambda _token, _look: None, Failures()).active(clock.steady) == []


def test_a_file_that_cannot_be_written_ends_nothing(host: Host, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_given: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(silencing, "write_state", full)
    silence = Silence("1", (Matcher("stack", "shop"),), "ada", "", clock.wall + HOUR)
    assert plain(host.state / "watchdog" / "silences.json", monkeypatch, silence).of(incident(), clock.steady) == silence


@pytest.mark.parametrize(
    ("key", "names", "labels"),
    [
        ("shop/api", ("WatchdogIncident", "ServiceDown"), {"stack": "shop", "service": "api", "subject": "api"}),
        ("shop/site:shop.example.com", ("WatchdogIncident",), {"stack": "shop", "domain": "shop.example.com"}),
        ("shop/certificate:shop.example.com", ("WatchdogIncident", "CertificateEnds"), {"domain": "shop.example.com"}),
        ("shop/job:train", ("WatchdogIncident",), {"stack": "shop", "subject": "job:train"}),
        ("host/backup shop", ("WatchdogIncident", "BackupTooOld"), {"stack": "shop", "subject": "backup shop"}),
        ("host/backup shop plan files", ("WatchdogIncident", "BackupTooOld"), {"stack": "shop"}),
        ("host/secret shop api_key", ("WatchdogIncident", "SecretTooOld"), {"stack": "shop", "subject": "secret shop api_key"}),
        # A target that is away is no backup that is too old.
        ("host/backup shop offsite", ("WatchdogIncident",), {"stack": ""}),
        ("host/reboot", ("WatchdogIncident", "RebootDue"), {"stack": "", "subject": "reboot"}),
        # A disk that is full is none that will be: whoever has silenced the trend wants to hear of the end.
        ("host/disk /var", ("WatchdogIncident",), {"subject": "disk /var"}),
        ("host/clock jump", ("WatchdogIncident",), {"subject": "clock jump"}),
    ],
)
def test_an_incident_has_the_labels_of_its_alert(key: str, names: tuple[str, ...], labels: dict[str, str]) -> None:
    known: Incident = incident(key)
    assert tuple(names_of(known)) == names
    assert {**labels_of(known, "web-1"), **labels, "instance": "web-1", "severity": "warning"} == labels_of(known, "web-1")


def test_a_silence_that_cannot_be_judged_is_named_and_silences_nothing(life: Days, alertmanager: Alertmanager) -> None:
    alertmanager.silences = [Silence("1", (Matcher("service", "(a+)+", regex=True),), "ada", "", time.time() + HOUR)]
    life.pass_by(15)
    broken(life)
    assert life.told == [f"open {API}"]
    shown = table(life.daemon.components.publication.status)
    assert "of Alertmanager silences nothing here: the pattern '(a+)+' is too involved" in shown


def test_an_address_elsewhere_is_refused_by_the_check_of_the_settings_and_asked_by_nobody(
    life: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    (life.host.etc / "watchdog" / "host.json").write_text('{"name": "web-1", "metrics": "", "alertmanager": "10.0.0.1:9093"}')
    with pytest.raises(ValueError, match=r"alertmanager: '10\.0\.0\.1:9093' is no address of loopback"):
        cli.run_verb(argparse.Namespace(verb="watchdog", way="check"), cast(Output, None))
    monkeypatch.setattr(silencing, "read", silences.read)
    life.daemon.reloading = True
    life.pass_by(15)
    broken(life)
    assert life.told == [f"open {API}"] and any("no address of loopback" in words for words in life.said)
