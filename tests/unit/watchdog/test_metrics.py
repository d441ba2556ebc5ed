# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The metrics as Prometheus reads them: names, types, units, and samples that a scrape accepts."""

from __future__ import annotations

import copy
import json
import math
import re
import socket
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.metrics.exporter import Busy
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.metrics import PREFIX, Collector, application
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.metrics_server import serve
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.probes import host as host_checks
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "browser"))

from sample import AT, sample

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def scrape(status: dict[str, Any]) -> tuple[dict[str, Metric], Samples]:
    """Families by name, and the value of each sample by its name and labels; a sample that comes twice is refused."""
    return parsed(generate_latest(registry_of(Collector(lambda: status))).decode())


def registry_of(collector: Collector) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(collector)  # type: ignore[arg-type]
    return registry


def parsed(text: str) -> tuple[dict[str, Metric], Samples]:
    families, samples = {}, {}
    for family in text_string_to_metric_families(text):
        assert family.name not in families, family.name
        families[family.name] = family
        for one in family.samples:
            key = (one.name, tuple(sorted(one.labels.items())))
            assert key not in samples, key
            samples[key] = one.value
    return families, samples


@contextmanager
def served(containers: Callable[[], bytes | None], address: str = "127.0.0.1") -> Iterator[str]:
    """Where a sample and these metrics of containers are served."""
    server = serve(address, 0, application(sample), containers)
    try:
        yield f"{address}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def get(place: str) -> bytes:
    with urllib.request.urlopen(f"http://{place}", timeout=10) as answer:
        return bytes(answer.read())


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples[PREFIX + name, tuple(sorted(labels.items()))]


def test_every_metric_has_help_a_type_and_a_base_unit() -> None:
    families, samples = scrape(sample())
    assert len(families) >= 24
    for name, family in families.items():
        assert re.fullmatch(r"latentum_ops_(watchdog|backup)_[a-z]+(_[a-z]+)*", name), name
        assert family.documentation.endswith(".") and family.type in ("gauge", "counter"), name
        assert not re.search(r"_(ms|milliseconds|minutes|days|hours|percent|count)$", name), name
        # What `promtool check metrics` says: only counters end in _total.
        assert all(one.name.endswith("_total") == (family.type == "counter") for one in family.samples), name
    assert not [key for key, number in samples.items() if math.isnan(number)]


def test_values_are_those_of_the_status() -> None:
    _families, samples = scrape(sample())
    gateway, model = {"stack": "latentum", "service": "api-gateway"}, {"stack": "latentum", "service": "model-server"}
    domain = {"stack": "latentum", "domain": "latentum.example.com"}
    for name, labels, expected in (
        ("well", {}, 0), ("info", {"version": "0.1.0", "host": "web-1"}, 1), ("status_timestamp_seconds", {}, AT),
        ("uptime_seconds", {}, 5 * 86400), ("loop_lag_seconds", {}, 0.0031), ("events_total", {}, 1204),
        ("stack_state", {"stack": "latentum", "state": "degraded"}, 1), ("stack_state", {"stack": "latentum", "state": "ok"}, 0),
        ("stack_busy", {"stack": "latentum"}, 0),
        ("service_state", {**gateway, "state": "affected"}, 1), ("service_state", {**gateway, "state": "down"}, 0),
        ("service_replicas", gateway, 2), ("service_replicas_healthy", gateway, 1), ("service_out_of_rotation", gateway, 1),
        ("service_breaker_open", model, 1), ("service_breaker_open", gateway, 0), ("service_heals_total", model, 5),
        ("probe_success", {**model, "probe": "tcp 9000"}, 0), ("probe_latency_seconds", {**model, "probe": "tcp 9000"}, 5),
        ("site_up", domain, 1), ("site_latency_seconds", domain, 0.0481), ("site_certificate_remaining_seconds", domain, 71 * 86400),
        ("host_check_state", {"check": "disk /var/lib/docker", "state": "warning"}, 1),
        ("host_check_state", {"check": "memory", "state": "critical"}, 0),
        ("incidents_open", {"severity": "critical"}, 1), ("incidents_open", {"severity": "warning"}, 0),
        ("incidents_open_needing_human", {"severity": "critical"}, 1), ("last_incident_timestamp_seconds", {}, AT - 758),
        ("incident_open", {"stack": "latentum", "subject": "model-server", "service": "model-server", "severity": "critical"}, 1),
        ("maintenance", {"scope": "latentum/worker"}, 1), ("maintenance_end_timestamp_seconds", {"scope": "latentum/worker"}, AT + 900),
        ("alerts_waiting", {}, 1),
        ("alerts_failing", {"route": "mail"}, 1), ("alerts_failing", {"route": "chat"}, 0),
        ("alerts_last_sent_timestamp_seconds", {"route": "chat"}, AT - 200),
    ):  # fmt: skip
        assert value(samples, name, **labels) == pytest.approx(expected), (name, labels)


def test_each_service_is_in_exactly_one_state() -> None:
    _families, samples = scrape(sample())
    for service in sample()["stacks"][0]["services"]:
        states = [
            number
            for (name, labels), number in samples.items()
            if name == PREFIX + "service_state" and ("service", service["service"]) in labels
        ]
        assert (sum(states), len(states)) == (1, 7)


def test_labels_that_need_quoting_and_names_that_come_twice_spoil_no_scrape() -> None:
    status = sample()
    status["host_checks"].append({"name": 'disk "C:\\"\n', "state": "ok", "reason": "", "value": ""})
    status["stacks"][0]["sites"] *= 2
    status["stacks"][0]["services"][0]["probes"] *= 2
    _families, samples = scrape(status)
    assert value(samples, "host_check_state", check='disk "C:\\"\n', state="ok") == 1


def test_there_is_nothing_before_the_first_status() -> None:
    assert scrape({"well": False, "stacks": [], "incidents": [], "history": [], "at": 0}) == ({}, {})


def test_nothing_is_made_up_where_there_is_no_certificate_and_no_incident() -> None:
    status = sample() | {"incidents": [], "history": []}
    for site in status["stacks"][0]["sites"]:
        site["certificate_days"] = None
    families, _samples = scrape(status)
    assert not families[PREFIX + "site_certificate_remaining_seconds"].samples
    assert not families[PREFIX + "last_incident_timestamp_seconds"].samples


def test_heals_never_fall() -> None:
    status = sample()
    registry = registry_of(Collector(lambda: status))
    generate_latest(registry)
    status = copy.deepcopy(status)
    status["stacks"][0]["services"][1]["heals"] = 4
    _families, samples = parsed(generate_latest(registry).decode())
    assert value(samples, "service_heals_total", stack="latentum", service="model-server") == 5


def test_scrapes_are_answered_on_loopback_only() -> None:
    for address in ("127.0.0.1", "[::1]"):
        with served(lambda: b"", address) as base:
            _families, samples = parsed(get(f"{base}/metrics").decode())
        assert value(samples, "alerts_waiting") == 1
        assert ("process_resident_memory_bytes", ()) in samples
    for address in ("0.0.0.0", "192.0.2.1", "::"):
        with pytest.raises(ValueError, match="loopback"):
            serve(address, 0, application(sample), lambda: b"")


def test_containers_have_a_path_of_their_own() -> None:
    with served(lambda: b"container_last_seen 1\n") as base:
        with urllib.request.urlopen(f"http://{base}/metrics/containers", timeout=10) as answer:
            assert answer.read() == b"container_last_seen 1\n"
            assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert b"container_" not in get(f"{base}/metrics") and b"latentum_ops_watchdog_well" in get(f"{base}/metrics")


def test_where_they_are_not_wanted_or_do_not_come_it_says_so() -> None:
    def busy() -> bytes:
        raise Busy("another scrape is still reading")

    for give, status, text in ((lambda: None, 404, "watchdog_container_metrics"), (busy, 503, "another scrape")):
        with served(give) as base:
            with pytest.raises(urllib.error.HTTPError) as refused:
                get(f"{base}/metrics/containers")
            assert refused.value.code == status and text in refused.value.read().decode()
            assert b"latentum_ops_watchdog_well" in get(f"{base}/metrics")


def test_a_slow_scrape_of_containers_keeps_no_other_from_its_answer() -> None:
    asked, free = threading.Event(), threading.Event()

    def slow() -> bytes:
        asked.set()
        free.wait(20)
        return b""

    with served(slow) as base:
        threads = [threading.Thread(target=get, args=(f"{base}/metrics/containers",)) for _number in range(8)]
        for thread in threads:
            thread.start()
        assert asked.wait(10) and b"latentum_ops_watchdog_well" in get(f"{base}/metrics")
        free.set()
        for thread in threads:
            thread.join()


def test_a_port_that_is_taken_is_an_error_of_the_system() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError):
        serve("127.0.0.1", taken.getsockname()[1], application(sample), lambda: b"")


def test_each_plan_of_the_backups_has_numbers_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_checks, "BACKUPS", tmp_path)
    names = ("latentum_ops_backup_plan_restorable_timestamp_seconds", "latentum_ops_backup_plan_proof_success")
    (tmp_path / "shop.json").write_text(json.dumps({"restorable": 5}))
    assert not set(names) & set(scrape(sample())[0])
    plans = {"files": {"restorable": 7, "verify": {"ok": True}}, "full": {"backup": {"ok": False}}}
    (tmp_path / "shop.json").write_text(json.dumps({"restorable": 5, "plans": plans}))
    _families, samples = scrape(sample())
    labels = (("plan", "files"), ("stack", "shop"))
    assert [samples[name, labels] for name in names] == [7, 1]
    assert samples["latentum_ops_backup_plan_success", (("plan", "full"), ("stack", "shop"))] == 0


def test_an_incident_is_there_by_itself_while_it_is_open() -> None:
    """By what it is about: an alert of Prometheus about the same is no news then."""
    template = sample()["incidents"][0]
    status = sample()
    status["incidents"] = [
        {**template, "stack": stack, "subject": subject, "severity": "warning"}
        for stack, subject in (("latentum", "worker"), ("latentum", "site:latentum.example.com"), ("", "disk /"))
    ]
    families, _samples = scrape(status)
    shown = {
        tuple(one.labels[name] for name in ("stack", "subject", "service", "severity"))
        for one in families[PREFIX + "incident_open"].samples
    }
    assert shown == {
        ("latentum", "worker", "worker", "warning"),
        ("latentum", "site:latentum.example.com", "", "warning"),
        ("", "disk /", "", "warning"),
    }
    assert not scrape({**status, "incidents": []})[0][PREFIX + "incident_open"].samples
