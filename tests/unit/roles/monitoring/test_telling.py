# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is told what, and that one fault is one message: the real programs, with the role's files, and receivers of the tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from ...watchdog import receiving as receivers
from ...watchdog.receiving import Receiving
from .programs import Running, answered, numbers, running, until
from .rendered import AGENT, Rendered, needs_programs, needs_victoriametrics

receiving = receivers.receiving

pytestmark = needs_programs
WEB = {"stack": "shop", "service": "web"}
RATE = {"alertname": "HighErrorRate", "route": "shop.example.com/", **WEB}
LAST = {"alertname": "HighErrorRate", "stack": "shop", "service": "worker", "severity": "critical"}


@pytest.fixture
def programs(rendered: Mapping[str, Rendered], receiving: Receiving, tmp_path: Path) -> Iterator[Running]:
    with running(rendered["told"], receiving, tmp_path) as both:
        yield both


def test_one_fault_is_one_message_whatever_number_of_rules_see_it(programs: Running) -> None:
    """A total failure: errors above both limits, a budget that burns fast and slowly, all of one service."""
    burning = {"slo": "web", **WEB}
    programs.send(
        programs.alert(severity="critical", **RATE),
        programs.alert(severity="warning", **RATE),
        programs.alert(alertname="HighLatency", severity="warning", route="shop.example.com/", **WEB),
        programs.alert(alertname="SLOFastBurn", severity="critical", **burning),
        programs.alert(alertname="SLOSlowBurn", severity="warning", **burning),
    )
    # A message about something else is sent after those that could still come.
    until(programs.chat, "a message")
    programs.send(programs.alert(**LAST))
    until(lambda: len(programs.chat()) > 1, "the last message")
    assert programs.chat() == ["CRITICAL SLOFastBurn of web", "CRITICAL HighErrorRate of worker"]


@pytest.mark.parametrize(
    ("incident", "alert"),
    [
        ({"severity": "critical", "subject": "web", **WEB}, {"severity": "critical", **RATE}),
        pytest.param({"severity": "warning", "subject": "web", **WEB}, {"severity": "warning", **RATE}, marks=pytest.mark.matrix),
        (
            {"severity": "warning", "subject": "disk /", "instance": "web1"},
            {"alertname": "InodesNearlyUsed", "severity": "warning", "subject": "disk /", "instance": "web1"},
        ),
        pytest.param(
            {"severity": "critical", "subject": "backup shop", "instance": "web1"},
            {"alertname": "BackupTooOld", "severity": "critical", "subject": "backup shop", "instance": "web1", "stack": "shop"},
            marks=pytest.mark.matrix,
        ),
    ],
)
def test_what_the_watchdog_has_told_is_not_told_again(programs: Running, incident: dict[str, str], alert: dict[str, str]) -> None:
    programs.send(programs.alert(alertname="WatchdogIncident", **incident), programs.alert(**alert))
    programs.send(programs.alert(**LAST))
    until(programs.chat, "a message")
    assert programs.chat() == ["CRITICAL HighErrorRate of worker"]


@pytest.mark.parametrize(
    ("incident", "alert"),
    [
        ({"severity": "critical", "subject": "worker", "stack": "shop", "service": "worker"}, {"severity": "critical", **RATE}),
        pytest.param(
            {"severity": "critical", "subject": "web", "stack": "blog", "service": "web"},
            {"severity": "critical", **RATE},
            marks=pytest.mark.matrix,
        ),
        # It only warns, and this is a page.
        ({"severity": "warning", "subject": "web", **WEB}, {"severity": "critical", **RATE}),
        # An incident without a service is none of every alert without one.
        (
            {"severity": "critical", "subject": "disk /", "instance": "web1"},
            {"alertname": "CertificateEnds", "severity": "critical", "subject": "certificate:shop.example.com", "stack": "shop"},
        ),
        pytest.param(
            {"severity": "critical", "subject": "disk /", "instance": "web1"},
            {"alertname": "HostCpuHigh", "severity": "critical", "instance": "web1"},
            marks=pytest.mark.matrix,
        ),
    ],
)
def test_an_incident_about_something_else_silences_nothing(programs: Running, incident: dict[str, str], alert: dict[str, str]) -> None:
    programs.send(programs.alert(alertname="WatchdogIncident", **incident), programs.alert(**alert))
    (title,) = until(programs.chat, "a message")
    assert title.startswith(f"CRITICAL {alert['alertname']}")


HOST = {"instance": "web1"}
DISK = {"alertname": "DiskFullSoon", "severity": "critical", "subject": "disk /", **HOST}
BURN = {"alertname": "SLOFastBurn", "severity": "critical", "slo": "web", **WEB}


@pytest.mark.parametrize(
    ("window", "silent", "told"),
    [
        # All of the host, objectives among it: they are of no instance.
        ({"scope": "host", **HOST}, (DISK, {"severity": "critical", **RATE}, BURN), ()),
        ({"scope": "shop", "stack": "shop", **HOST}, ({"severity": "critical", **RATE}, LAST), (DISK,)),
        ({"scope": "shop/web", "stack": "shop", "service": "web", **HOST}, ({"severity": "critical", **RATE}, BURN), (LAST,)),
        ({"scope": "blog", "stack": "blog", **HOST}, (), ({"severity": "critical", **RATE},)),
        # A service of the same name in another stack is another one, and what is of no service is not of this one.
        ({"scope": "blog/web", "stack": "blog", "service": "web", **HOST}, (), ({"severity": "critical", **RATE},)),
        (
            {"scope": "shop/web", "stack": "shop", "service": "web", **HOST},
            (),
            ({"alertname": "CertificateEnds", "severity": "critical", "subject": "certificate:shop.example.com", "stack": "shop"},),
        ),
        # What somebody else's rule says of another host.
        ({"scope": "host", **HOST}, (), ({"alertname": "Mine", "severity": "critical", "instance": "10.0.0.7:8080", "stack": "shop"},)),
    ],
)
def test_what_is_worked_on_is_told_by_nobody_and_the_rest_is(
    programs: Running, window: dict[str, str], silent: tuple[dict[str, str], ...], told: tuple[dict[str, str], ...]
) -> None:
    programs.send(programs.alert(alertname="WatchdogMaintenance", **window))
    programs.send(*(programs.alert(**alert) for alert in (*silent, *told)))

    def states() -> dict[str, str] | None:
        """By the name and the labels of each alert."""
        shown = answered(programs.alertmanager, "/api/v2/alerts") or []
        known = {str(sorted(alert["labels"].items())): alert["status"]["state"] for alert in shown}
        return known if "unprocessed" not in known.values() and all(str(sorted(alert.items())) in known for alert in silent) else None

    known = until(states, "Alertmanager has looked at all of it")
    assert [known[str(sorted(alert.items()))] for alert in silent] == ["suppressed"] * len(silent)
    for alert in told:
        until(lambda alert=alert: any(alert["alertname"] in title for title in programs.chat()), f"a message about {alert}")
    assert len(programs.chat()) == len(told)


def test_the_end_of_maintenance_tells_what_still_holds(programs: Running) -> None:
    window = programs.alert(alertname="WatchdogMaintenance", scope="shop", stack="shop", **HOST)
    programs.send(window)
    programs.send(programs.alert(severity="critical", **RATE))
    until(lambda: "suppressed" in str(answered(programs.alertmanager, "/api/v2/alerts")), "it is suppressed")
    assert programs.chat() == []
    programs.send({**window, "endsAt": "2020-01-01T00:00:00Z", "startsAt": "2020-01-01T00:00:00Z"})
    until(programs.chat, "a message")
    assert programs.chat() == ["CRITICAL HighErrorRate of web"]


def test_each_is_told_in_the_form_that_it_reads_and_of_what_it_wants(programs: Running) -> None:
    """The formats are judged by the receivers: Slack, Events API v2, and mail by STARTTLS with a login."""
    programs.send(programs.alert(severity="warning", alertname="HighLatency", **WEB))
    until(lambda: programs.receiving.kept("mail") and programs.chat(), "a warning")
    programs.send(programs.alert(**LAST))
    (event,) = until(lambda: programs.receiving.kept("pagerduty"), "a page")
    assert event["body"]["payload"]["severity"] == "critical" and event["body"]["routing_key"] == "0" * 32
    assert event["body"]["payload"]["summary"] == "CRITICAL HighErrorRate of worker"
    mail = programs.receiving.kept("mail")[0]
    assert mail["receivers"] == ["anna@example.com", "bert@example.com"] and mail["tls"] and mail["user"] == "ops"
    assert mail["headers"]["Subject"] == "WARNING HighLatency of web" and "opsctl runbook x" in mail["text"] and not mail["html"].strip()


def test_an_end_is_told_too(programs: Running) -> None:
    alert = programs.alert(severity="critical", **RATE)
    programs.send(alert)
    until(programs.chat, "a message")
    programs.send({**alert, "endsAt": "2020-01-01T00:00:00Z", "startsAt": "2020-01-01T00:00:00Z"})
    until(lambda: len(programs.chat()) > 1, "its end")
    assert programs.chat() == ["CRITICAL HighErrorRate of web", "ENDED HighErrorRate of web"]


def test_an_alert_of_the_host_reaches_the_people_of_its_stacks(programs: Running) -> None:
    programs.send(programs.alert(alertname="DiskFullSoon", severity="critical", instance="web1", subject="disk /"))
    until(lambda: programs.receiving.kept("pagerduty") and programs.chat(), "a message")


def test_from_a_number_to_a_message_and_to_the_switch(rendered: Mapping[str, Rendered], receiving: Receiving, tmp_path: Path) -> None:
    """Prometheus asks, evaluates and hands over: what the watchdog has told comes to nobody, until it tells it no more."""

    def down() -> list[str]:
        """Nobody measures anything else here, which is told, too."""
        return [title for title in both.chat() if "is down" in title]

    with numbers() as target, running(rendered["told"], receiving, tmp_path, {"127.0.0.1:9753": target.address}) as both:
        state = 'latentum_ops_watchdog_service_state{{stack="shop",service="{service}",state="down"}} 1'
        incident = 'latentum_ops_watchdog_incident_open{stack="shop",service="web",subject="web",severity="critical"} 1'
        target.lines["/metrics"] = [incident]
        # On a host an incident is there long before an alert about the same: that must hold for a minute, and waits for its group.
        until(lambda: "WatchdogIncident" in str(answered(both.alertmanager, "/api/v2/alerts")), "the incident")
        target.lines["/metrics"].append(state.format(service="web"))
        # Whoever misses Prometheus is called, again and again.
        until(lambda: receiving.kept("deadman"), "a call of the switch")
        target.lines["/metrics"].append(state.format(service="worker"))
        until(lambda: "CRITICAL shop: worker is down on web1" in down(), "a message about another service")
        assert not [title for title in down() if "web is down" in title]
        target.lines["/metrics"].remove(incident)
        until(lambda: "CRITICAL shop: web is down on web1" in down(), "a message about what the watchdog tells no more")


def test_a_window_of_the_watchdog_reaches_alertmanager(rendered: Mapping[str, Rendered], receiving: Receiving, tmp_path: Path) -> None:
    """Prometheus reads its end, and nobody calls Alertmanager."""
    with numbers() as target, running(rendered["told"], receiving, tmp_path, {"127.0.0.1:9753": target.address}) as both:
        state = 'latentum_ops_watchdog_service_state{{stack="shop",service="{service}",state="down"}} 1'
        target.lines["/metrics"] = ['latentum_ops_watchdog_maintenance_end_timestamp_seconds{scope="shop/web"} 4e9']
        until(lambda: "WatchdogMaintenance" in str(answered(both.alertmanager, "/api/v2/alerts")), "the window")
        target.lines["/metrics"] += [state.format(service="web"), state.format(service="worker")]

        def down() -> list[str]:
            return [title for title in both.chat() if "is down" in title]

        until(lambda: "CRITICAL shop: worker is down on web1" in down(), "a message about another service")
        assert down() == ["CRITICAL shop: worker is down on web1"]


@needs_victoriametrics
def test_the_lighter_back_end_tells_the_same_and_its_switch_is_not_called_by_one_that_measures_nothing(
    rendered: Mapping[str, Rendered], receiving: Receiving, tmp_path: Path
) -> None:
    """From a number through vmagent, VictoriaMetrics and vmalert to a message; and no call any more once vmagent is gone."""
    with (
        numbers() as target,
        running(rendered["lighter, told"], receiving, tmp_path, {"127.0.0.1:9753": target.address, "[2m]": "[20s]"}) as all_of_it,
    ):

        def alerts() -> str:
            return str(answered(all_of_it.alertmanager, "/api/v2/alerts"))

        state = 'latentum_ops_watchdog_service_state{{stack="shop",service="{service}",state="down"}} 1'
        incident = 'latentum_ops_watchdog_incident_open{stack="shop",service="web",subject="web",severity="critical"} 1'
        target.lines["/metrics"] = [incident]
        until(lambda: "WatchdogIncident" in alerts(), "the incident")
        target.lines["/metrics"] += [state.format(service="web"), state.format(service="worker")]
        until(lambda: receiving.kept("deadman"), "a call of the switch")
        until(lambda: [title for title in all_of_it.chat() if title == "CRITICAL shop: worker is down on web1"], "a message")
        assert not [title for title in all_of_it.chat() if "web is down" in title]
        # The same interface as Prometheus', rules among it, which Grafana shows.
        groups = answered(all_of_it.prometheus, "/api/v1/rules")["data"]["groups"]
        assert {"alerts/host/host", "alerts/shop/services"} <= {group["name"] for group in groups}
        assert {rule["health"] for group in groups for rule in group["rules"]} == {"ok"}
        assert "alertgroup" not in alerts() and "no value" not in alerts()
        all_of_it.processes[AGENT].terminate()
        until(lambda: "'alertname': 'Watchdog'" not in alerts(), "nobody says that all is well")
