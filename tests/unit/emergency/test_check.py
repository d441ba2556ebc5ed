# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything is looked at once, by the watchdog's own probes; the exit status is the worst of it."""

from __future__ import annotations

import json
import shutil
import socket
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.emergency import check
from ansible_collections.latentum.ops.plugins.module_utils.emergency.check import Report, Row, State
from ansible_collections.latentum.ops.plugins.module_utils.nginx import traffic_plan
from ansible_collections.latentum.ops.plugins.module_utils.nginx.traffic_plan import Traffic
from ansible_collections.latentum.ops.plugins.module_utils.tls.certificates import CertificateState
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.probes.host import Check

from ..cli import host
from . import places
from .places import Place

place = places.place


def rows(report: Report) -> dict[str, Row]:
    return {f"{row.area} {row.name}": row for row in report.rows}


def look(*names: str) -> Report:
    return check.check(names or ("shop",))


def test_a_host_that_is_well_has_status_0_and_every_kind_of_check(place: Place) -> None:
    place.watch()
    place.release()
    report = look()
    assert report.status == 0 and report.troubles == []
    wanted = {"service web", "service api", "site shop.example.com", "route shop.example.com/api/", "host disk /", "host docker"}
    assert set(rows(report)) == wanted
    assert rows(report)["service web"].value == "1 of 1 serve"
    assert sorted(place.nginx.asked) == ["shop.example.com/", "shop.example.com/api/"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"health": "unhealthy"}, "shop-web-1 is unhealthy"),
        ({"state": "exited", "exit_code": 137}, "shop-web-1 was killed by signal 9 and does not run"),
        ({"state": "paused"}, "shop-web-1 is paused"),
        ({"state": "restarting", "exit_code": 1}, "shop-web-1 ended with exit code 1 and is restarted by Docker"),
    ],
)
def test_a_service_that_nobody_serves_is_critical_and_names_its_runbook(place: Place, change: dict[str, Any], reason: str) -> None:
    place.watch()
    for name, value in change.items():
        setattr(place.boxes["web"], name, value)
    report = look()
    row = rows(report)["service web"]
    assert report.status == 2 and row.state is State.CRITICAL and row.reason.startswith(reason)
    assert (row.value, row.runbook) == ("0 of 1 serve", "service-not-responding")
    assert report.rows[0] == row  # the worst first


def test_a_container_that_was_removed_by_hand_is_missing(place: Place) -> None:
    place.watch()
    del place.dockerd.boxes[place.boxes["api"].id]
    assert rows(look())["service api"].reason == "1 of 1 containers is missing"


def test_one_of_two_is_a_warning(place: Place) -> None:
    place.watch(services=[{"service": "web", "replicas": 2}])
    described = place.root / "etc/stacks/shop.json"
    text = json.loads(described.read_text())
    text["services"][0]["replicas"] = 2
    described.write_text(json.dumps(text))
    place.dockerd.add("shop", "web", 2, health="unhealthy")
    row = rows(look())["service web"]
    assert (row.state, row.value) == (State.WARNING, "1 of 2 serve") and look().status == 1


def test_what_starts_is_not_well_yet(place: Place) -> None:
    place.watch()
    place.boxes["api"].health = "starting"
    report = look()
    assert report.status == 1 and rows(report)["service api"].state is State.STARTING
    assert "!! service api: starting" in check.table(report, everything=False)


def test_probes_of_the_declaration_are_carried_out_in_the_container(place: Place) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        place.boxes["web"].address = "127.0.0.1"
        probe = {"kind": "tcp", "name": "tcp", "timeout": 1, "interval": 15, "port": port}
        place.watch(services=[{"service": "web", "expect": "healthy", "probes": [probe]}])
        assert look().status == 0
    report = look()
    assert report.status == 1 and "tcp: " in rows(report)["service web"].reason  # once is no proof that it serves nobody


def test_a_dead_docker_is_critical_and_the_rest_is_looked_at_all_the_same(place: Place) -> None:
    place.watch()
    place.dockerd.close()
    (place.root / "docker.sock").unlink()
    report = look()
    row = rows(report)["host docker"]
    assert report.status == 2 and row.state is State.CRITICAL and "does not answer" in row.reason and row.runbook == "unit-down"
    assert rows(report)["site shop.example.com"].state is State.OK and "service web" not in rows(report)


@pytest.mark.parametrize(("status", "state"), [(502, State.CRITICAL), (504, State.CRITICAL), (500, State.WARNING), (404, State.OK)])
def test_each_route_is_asked_through_nginx_by_its_name(place: Place, status: int, state: State) -> None:
    place.watch()
    place.release()
    place.nginx.answers["/api/"] = status
    row = rows(look())["route shop.example.com/api/"]
    assert row.state is state
    if state is not State.OK:
        assert row.reason == f"https://shop.example.com/api/ answered {status}; behind it is api" and row.runbook == "site-down"


def test_a_maintenance_page_that_was_asked_for_is_no_trouble(place: Place) -> None:
    place.watch()
    place.release()
    place.nginx.answers["/api/"] = 503
    traffic_plan.put("shop", {"api": Traffic(maintenance=True)})
    assert rows(look())["route shop.example.com/api/"].value.startswith("503, maintenance page")


def test_a_path_with_and_without_its_slash_is_one_route(place: Place) -> None:
    place.watch()
    place.release("/api")
    assert [name for name in rows(look()) if name.startswith("route")] == ["route shop.example.com/api"]


def test_a_domain_that_the_declaration_skips_is_not_asked(place: Place) -> None:
    place.watch(sites=[])
    place.release()
    assert not [name for name in rows(look()) if name.startswith(("route", "site"))] and place.nginx.asked == []


def test_nginx_that_does_not_listen(place: Place) -> None:
    place.watch()
    place.release()
    place.nginx.server_close()
    place.nginx.shutdown()
    report = look()
    assert {rows(report)[name].state for name in ("site shop.example.com", "route shop.example.com/api/")} == {State.CRITICAL}
    assert "Connection refused" in rows(report)["site shop.example.com"].reason


def test_checks_of_the_host_and_backups_have_areas_and_runbooks(place: Place) -> None:
    place.watch()
    place.checks = [
        Check("disk /var", "critical", "97 %", "97 % of the space of /var are used"),
        Check("backup shop", "critical", "49 h", "the last restorable backup of shop is 49 h old"),
        Check("latentum-ops-watchdog", "critical", "failed", "it is failed"),
    ]
    found = rows(look())
    assert found["host disk /var"].runbook == "disk-full" and found["backup shop"].runbook == "backup"
    assert found["host latentum-ops-watchdog"].runbook == "unit-down"


def test_a_certificate_that_was_never_issued_is_told(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.watch()
    stand_in = CertificateState("shop", "/x", ("shop.example.com",), "CN=shop", "1", "ecdsa", 0, 0, 3000, placeholder=True)
    monkeypatch.setattr(check, "in_service", lambda: [stand_in, replace(stand_in, name="other", domains=("other.example.com",))])
    report = look()
    assert report.status == 1 and [row.name for row in report.troubles] == ["shop"]


def test_without_a_watchdog_the_release_says_what_there_is(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check.site_probes, "read", lambda *_given: check.site_probes.SiteReading(True, status=200))
    place.boxes["web"].health = "none"
    found = rows(look())
    assert found["service web"].value == "1 of 1 serve" and found["site shop.example.com"].state is State.OK


def test_a_look_that_breaks_is_a_row_and_hides_no_other(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.watch()

    def breaks(_self: object) -> list[Check]:
        raise RuntimeError("surprise")

    monkeypatch.setattr(check.Looks, "_look_at_host", breaks)
    report = look()
    assert report.status == 1 and "surprise" in rows(report)["host host"].reason and "service web" in rows(report)


def test_one_of_several_stacks(place: Place) -> None:
    place.watch()
    place.add("blog", "page")
    place.boxes["page"].health = "unhealthy"
    assert check.check(["shop"]).status == 0
    assert check.check(["shop", "blog"]).status == 2


def test_the_verb_prints_troubles_or_everything_and_ends_with_the_status(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.watch()
    assert host.run(["check"]) == 0
    assert capsys.readouterr().out.endswith(" s\n")
    place.boxes["web"].health = "unhealthy"
    assert host.run(["check", "--all"]) == 2
    text = capsys.readouterr().out
    assert "opsctl runbook service-not-responding" in text and "ok  host" in text
    assert host.run(["check", "--json"]) == 2
    answer = json.loads(capsys.readouterr().out)
    assert answer["status"] == 2 and answer["states"]["critical"] == 1
    assert {"area", "stack", "name", "state", "value", "reason", "runbook"} == set(answer["checks"][0])


def test_a_damaged_file_of_the_watchdog_is_one_sentence(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.watch()
    (place.root / "etc/watchdog/shop.json").write_text("{")
    assert host.run(["check"]) == 2
    assert "shop.json" in capsys.readouterr().err


def test_a_host_without_stacks_is_looked_at_itself(place: Place) -> None:
    shutil.rmtree(place.root / "etc/stacks")
    assert {row.area for row in check.check([]).rows} == {"host"}
