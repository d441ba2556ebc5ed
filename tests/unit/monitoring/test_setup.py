# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of role monitoring that cannot stand are refused, all together, with the variable, the value, and what to write instead."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from ansible_collections.latentum.ops.plugins.module_utils.contracts.capacity import Prices, ReportSettings, StackReport
from ansible_collections.latentum.ops.plugins.module_utils.contracts.monitoring import MonitoredStack
from ansible_collections.latentum.ops.plugins.module_utils.contracts.objectives import Objective
from ansible_collections.latentum.ops.plugins.module_utils.contracts.watchdog_settings import Alert
from ansible_collections.latentum.ops.plugins.module_utils.monitoring.receivers import CannotTell, receiver
from ansible_collections.latentum.ops.plugins.module_utils.monitoring.setup import FOLDER, setup

SETTINGS: dict[str, Any] = {"host": "web1", "targets": {"node": "127.0.0.1:9100", "watchdog": "127.0.0.1:9753"}}
MAIL: dict[str, Any] = {
    "name": "mail",
    "kind": "email",
    "server": "smtp.example.com",
    "port": 587,
    "tls": "starttls",
    "from": "a@example.com",
    "to": ["b@example.com"],
}
CHAT = {"name": "chat", "kind": "slack", "url_file": "/etc/latentum-ops/secrets/shop/chat"}
PUSH = {"name": "push", "kind": "apprise", "url_file": "/etc/latentum-ops/secrets/shop/push"}
PAGER = {"name": "duty", "kind": "pagerduty", "key_file": "/etc/latentum-ops/secrets/shop/pager", "url": "http://127.0.0.1:9093/v2/enqueue"}
LIGHTER: dict[str, Any] = {"backend": "victoriametrics"}
ARCHIVE = "https://releases.example.com/v1.122.11/victoria-metrics-linux-amd64-v1.122.11.tar.gz"
SUM = "sha256:" + "0a" * 32
OBJECTIVE = Objective("shop", "web", "route", "shop.example.com/", "availability", 99.9, 30 * 86400)


def stack(name: str = "shop", *alerts: dict[str, Any], **more: Any) -> dict[str, Any]:
    """What filter monitoring_config gives of one."""
    return MonitoredStack(name, services={"web": "critical"}, alerts=tuple(map(Alert.from_dict, alerts)), **more).to_dict()


def problems(stacks: list[dict[str, Any]], **settings: Any) -> list[str]:
    return list(setup(stacks, {**SETTINGS, **settings}).problems)


# (settings, stacks, parts of the only problem)
REFUSED: list[tuple[dict[str, Any], list[dict[str, Any]], tuple[str, ...]]] = [
    (
        {"prometheus_address": "0.0.0.0:9090"},
        [],
        ("monitoring_prometheus_address", "0.0.0.0:9090", "no address of loopback", "127.0.0.1:9090"),
    ),
    ({"prometheus_address": ":9090"}, [], ("monitoring_prometheus_address", "no address of loopback")),
    ({"prometheus_address": "9090"}, [], ("monitoring_prometheus_address", "no address of loopback")),
    ({"alertmanager_address": "localhost"}, [], ("monitoring_alertmanager_address", "localhost", "by a tunnel")),
    ({"alertmanager_address": "127.0.0.1:99999"}, [], ("monitoring_alertmanager_address", "99999")),
    ({"alertmanager_address": "::1:9093"}, [], ("monitoring_alertmanager_address", "::1:9093")),
    (
        {"alertmanager_address": "127.0.0.1:9090"},
        [],
        ("monitoring_alertmanager_address", "monitoring_prometheus_address, too", "another port"),
    ),
    ({"prometheus_address": "127.0.0.1:9100"}, [], ("monitoring_targets.node", "127.0.0.1:9100", "monitoring_prometheus_address, too")),
    ({"targets": {"nodes": "127.0.0.1:9100"}}, [], ("monitoring_targets.nodes", "no rule knows", "did you mean node?")),
    ({"targets": {"node": "http://127.0.0.1:9100"}}, [], ("monitoring_targets.node", "not an address with a port", "without http://")),
    ({"targets": {"node": "127.0.0.1"}}, [], ("monitoring_targets.node", "not an address with a port")),
    ({"targets": []}, [], ("monitoring_targets", "must be a mapping")),
    ({"scrapes": [{"static_configs": []}]}, [], ("monitoring_scrapes[0].job_name", "has no name", "job_name: shop")),
    ({"scrapes": [{"job_name": "node"}]}, [], ("monitoring_scrapes[0].job_name", "node", "another job")),
    ({"scrapes": [{"job_name": "a"}, {"job_name": "a"}]}, [], ("monitoring_scrapes[1].job_name", "another job")),
    ({"retention_size": "4 GB"}, [], ("monitoring_retention_size", "4 GB", "is not a size", "such as 4GB")),
    ({"retention_size": "0GB"}, [], ("monitoring_retention_size", "is not a size")),
    ({"retention_days": 0}, [], ("monitoring_retention_days", "from 1 to 3660")),
    (
        {"retention_days": 14},
        [stack(objectives=(OBJECTIVE,))],
        ("monitoring_retention_days", "14", "fewer than the 30 days", "at least 31"),
    ),
    ({"retention_days": "long"}, [], ("monitoring_retention_days", "long", "must be a whole number")),
    ({"group_wait": -1}, [], ("monitoring_group_wait", "-1", "from 0")),
    ({"group_interval": 0}, [], ("monitoring_group_interval", "0", "from 1")),
    ({"limits": {"disk": 4}}, [], ("monitoring_limits.disk", "not a known key", "disk_hours")),
    ({"limits": {"cpu": 0.9}}, [], ("monitoring_limits.cpu", "0.9", "from 1 to 100")),
    ({"limits": {"disabled": ["DiskFull"]}}, [], ("monitoring_limits.disabled", "DiskFull", "no alert of a host", "DiskFullSoon")),
    ({"backend": "influxdb"}, [], ("monitoring_backend", "influxdb", "prometheus")),
    ({"backend": "VictoriaMetrics"}, [], ("monitoring_backend", "VictoriaMetrics", "victoriametrics")),
    ({"free_disk": "2 GB"}, [], ("monitoring_free_disk", "2 GB", "is not a size", "such as 4GB")),
    ({**LIGHTER, "vmagent_address": "0.0.0.0:8429"}, [], ("monitoring_vmagent_address", "0.0.0.0:8429", "no address of loopback")),
    ({**LIGHTER, "vmalert_address": "127.0.0.1:9090"}, [], ("monitoring_vmalert_address", "monitoring_prometheus_address, too")),
    ({**LIGHTER, "packaged": False}, [], ("monitoring_backend", "too old in this distribution", "monitoring_backend: prometheus")),
    ({**LIGHTER, "victoriametrics_archives": [{"url": ARCHIVE}]}, [], ("monitoring_victoriametrics_archives", "checksum")),
    (
        {**LIGHTER, "victoriametrics_archives": [{"url": ARCHIVE, "checksum": "sha256:abc"}]},
        [],
        ("_archives[0].checksum", "sha256:abc", "64 hexadecimal"),
    ),
    (
        {**LIGHTER, "victoriametrics_archives": [{"url": ARCHIVE, "checksum": "md5:" + "a" * 32}]},
        [],
        ("monitoring_victoriametrics_archives[0].checksum", "is no checksum", "write sha256:"),
    ),
    (
        {**LIGHTER, "victoriametrics_archives": [{"url": ARCHIVE.replace("https", "http"), "checksum": SUM}]},
        [],
        ("monitoring_victoriametrics_archives[0].url", "no address of a .tar.gz by https"),
    ),
    (
        {**LIGHTER, "victoriametrics_archives": [{"url": ARCHIVE.replace("//", "//me:secret@"), "checksum": SUM}]},
        [],
        ("monitoring_victoriametrics_archives[0].url", "without a login"),
    ),
    (
        {**LIGHTER, "scrapes": [{"job_name": "vmagent"}]},
        [],
        ("monitoring_scrapes[0].job_name", "vmagent", "another job"),
    ),
    ({}, [stack("shop", PAGER)], ("shop: watchdog.alerts.duty.url", "127.0.0.1:9093", "is alertmanager of this host", "tells people")),
    (
        {"alertmanager_address": "127.0.0.1:9193"},
        [stack("shop", {**PAGER, "url": "http://localhost:9193/api/v2/alerts"})],
        ("shop: watchdog.alerts.duty.url", "localhost:9193", "told of its own alerts"),
    ),
    (
        {**LIGHTER, "vmalert_address": "[::1]:8880"},
        [stack("shop", {**PAGER, "url": "http://[::1]:8880/"})],
        ("shop: watchdog.alerts.duty.url", "is vmalert of this host"),
    ),
    ({}, [stack("shop", {**PAGER, "url": "http://127.0.0.1:9753/"})], ("shop: watchdog.alerts.duty.url", "is watchdog of this host")),
    ({"surprise": 1}, [], ("monitoring_surprise", "not a known key")),
    ({}, [stack(), stack()], ("monitoring_config", "shop", "twice")),
    ({}, [stack("shop", PUSH)], ("shop: watchdog.alerts", "no receiver of kind apprise", "kind email")),
    ({}, [stack("shop", {**MAIL, "port": 2465, "tls": "tls"})], ("shop: watchdog.alerts", "tls is tls, port 2465", "TLS on port 465")),
    ({"lacks": ["password"]}, [stack("shop", {**MAIL, "user": "u", "password_file": "/s/shop/p"})], ("reads no auth_password_file",)),
    ({}, [stack(), stack("blog", unreadable=True)], ("blog: ops_stacks", "would be lost", "-e ops_only=blog")),
    ({}, [{"stack": "shop", "alerts": "mail"}], ("monitoring_config.alerts", "must be a list")),
]


@pytest.mark.parametrize(("settings", "stacks", "parts"), REFUSED)
def test_what_cannot_be_is_refused(settings: dict[str, Any], stacks: list[dict[str, Any]], parts: tuple[str, ...]) -> None:
    found = problems(stacks, **settings)
    assert len(found) == 1, found
    assert all(part in found[0] for part in parts), found[0]


def test_a_receiver_on_this_host_that_is_none_of_the_programs_is_none_of_its_own() -> None:
    """A relay for events of one's own; and a port that cannot be is somebody else's finding."""
    for url in ("http://127.0.0.1:8088/v2/enqueue", "https://events.pagerduty.com/v2/enqueue", "http://127.0.0.1:x/"):
        assert problems([stack("shop", {**PAGER, "url": url})]) == []
    # vmagent does not run with Prometheus, whatever its address.
    assert problems([stack("shop", {**PAGER, "url": "http://127.0.0.1:8429/"})], vmagent_address="127.0.0.1:8429") == []


def test_the_lighter_back_end_has_its_own_files_and_its_own_pace() -> None:
    made = setup(
        [stack(scrape_interval=5)],
        {**SETTINGS, **LIGHTER, "victoriametrics_archives": [{"url": ARCHIVE, "checksum": SUM}], "packaged": False},
    )
    assert made.problems == () and made.evaluation == "5s"
    assert f"{FOLDER}/vmagent.yml" in made.files and f"{FOLDER}/prometheus.yml" not in made.files
    assert set(yaml.safe_load(made.files[f"{FOLDER}/vmagent.yml"])) == {"global", "scrape_configs"}
    # What asks in PromQL asks at the same place.
    assert json.loads(made.files[f"{FOLDER}/report.json"])["prometheus"] == "http://127.0.0.1:9090"
    elsewhere = setup([], {**SETTINGS, **LIGHTER, "hosts": [{"name": "web2", "address": "10.0.0.2:9999", "jobs": ["node"]}]})
    text = elsewhere.files[f"{FOLDER}/vmagent.yml"]
    assert "/run/credentials/latentum-ops-vmagent.service/key.pem" in text and f"{FOLDER}/vmagent-check.yml" in elsewhere.files


def test_all_problems_are_told_together() -> None:
    assert len(problems([stack("shop", PUSH)], prometheus_address="0.0.0.0:1", retention_size="x")) == 3


def test_one_that_cannot_be_told_by_is_named_where_another_can() -> None:
    made = setup([stack("shop", PUSH, CHAT)], SETTINGS)
    assert made.problems == () and [line.partition(" Alert")[0] for line in made.untold] == ["shop: watchdog.alerts.push:"]


def test_nobody_is_told_where_nobody_is_declared() -> None:
    document = yaml.safe_load(setup([stack()], SETTINGS).files[f"{FOLDER}/alertmanager.yml"])
    assert document["receivers"] == [{"name": "nobody"}] and document["route"]["receiver"] == "nobody"


def test_a_secret_is_a_file_of_the_unit_in_every_kind() -> None:
    pager = {"name": "duty", "kind": "pagerduty", "url": "https://events.example.com", "key_file": "/etc/latentum-ops/secrets/shop/pager"}
    login = {**MAIL, "user": "ops", "password_file": "/etc/latentum-ops/secrets/shop/mail"}
    for alert, kind, option in ((CHAT, "slack_configs", "api_url_file"), (pager, "pagerduty_configs", "routing_key_file"),
                                (login, "email_configs", "auth_password_file")):  # fmt: skip
        made, secrets = receiver("shop", Alert.from_dict(alert))
        (secret,) = secrets
        assert made[kind][0][option] == f"/run/credentials/latentum-ops-alertmanager.service/{secret.name}"
        assert secret.source.startswith("/etc/latentum-ops/secrets/shop/") and secret.name.startswith("shop.")
    made, secrets = receiver("shop", Alert.from_dict(MAIL))
    assert secrets == [] and "auth_username" not in made["email_configs"][0]


@pytest.mark.parametrize(
    ("port", "tls", "taken", "require"),
    [(587, "starttls", True, True), (465, "tls", True, False), (25, "none", True, False), (465, "starttls", False, False)],
)
def test_mail_is_secured_as_declared_or_not_sent(port: int, tls: str, taken: bool, require: bool) -> None:
    alert = Alert.from_dict({**MAIL, "port": port, "tls": tls})
    if taken:
        assert receiver("shop", alert)[0]["email_configs"][0]["require_tls"] is require
    else:
        with pytest.raises(CannotTell, match="port 465"):
            receiver("shop", alert)


def test_two_stacks_that_tell_the_same_people_tell_of_the_host_once() -> None:
    document = yaml.safe_load(setup([stack("shop", MAIL), stack("blog", MAIL)], SETTINGS).files[f"{FOLDER}/alertmanager.yml"])
    routes = document["route"]["routes"]
    assert [route["receiver"] for route in routes if 'stack=""' in route["matchers"]] == ["shop/mail"]
    assert [route["receiver"] for route in routes if 'stack="blog"' in route["matchers"]] == ["blog/mail"]


def test_the_most_demanding_stack_says_how_often_a_host_is_asked() -> None:
    made = setup([stack("shop", scrape_interval=30), stack("blog", scrape_interval=5)], SETTINGS)
    assert yaml.safe_load(made.files[f"{FOLDER}/prometheus.yml"])["global"]["scrape_interval"] == "5s"


def test_a_host_has_one_price_whichever_stack_writes_it() -> None:
    priced = [stack("shop", report=StackReport(True, Prices("EUR", 50))), stack("blog", report=StackReport(False)), stack("wiki")]
    made = setup(priced, SETTINGS)
    assert made.problems == () and made.monthly
    written = ReportSettings.from_dict(json.loads(made.files[f"{FOLDER}/report.json"]))
    assert written == ReportSettings("web1", "http://127.0.0.1:9090", ("shop",), Prices("EUR", 50))
    assert not setup([stack()], SETTINGS).monthly
    (problem,) = problems([*priced, stack("dear", report=StackReport(False, Prices("EUR", 60)))])
    assert problem.startswith("dear: monitoring.report.prices: differ from those of shop") and "write the same in both" in problem
