# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The access log as a measure, and the verdict on a canary."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.canary import Quality, Query, Rule
from ansible_collections.latentum.ops.plugins.module_utils.nginx.access_log import Figures, Meter, attempts
from ansible_collections.latentum.ops.plugins.module_utils.rollout.canary import ask_prometheus, compare_quality, judge, wilson_lower_bound

RULE = Rule(min_requests=100)


def line(address: str, status: int = 200, duration: str = "0.010", upstream: str = "shop_api_80", **more: Any) -> str:
    record = {"upstream": upstream, "upstream_address": address, "upstream_status": str(status), "upstream_duration": duration}
    return json.dumps({**record, "status": status, **more}) + "\n"


def test_each_attempt_counts_for_its_own_server() -> None:
    record = {"upstream_address": "a:1, b:1", "upstream_status": "502, 200", "upstream_duration": "0.001, 0.200", "status": 200}
    assert list(attempts(record)) == [("a:1", True, 0.001), ("b:1", False, 0.2)]


def test_a_client_that_left_is_nobodys_failure() -> None:
    assert list(attempts({"upstream_address": "a:1", "upstream_status": "-", "upstream_duration": "1.0", "status": 499})) == []
    assert list(attempts({"upstream_address": "a:1", "upstream_status": "-", "upstream_duration": "-", "status": 502})) == [
        ("a:1", True, None)
    ]


def test_the_meter_reads_on_over_a_rotation(tmp_path: Path) -> None:
    log = tmp_path / "access.json"
    log.write_text(line("a:1"))
    meter = Meter(lambda name: name == "shop_api_80", log)
    with log.open("a") as file:
        file.write(line("a:1", 500) + line("z:1", upstream="other") + line("b:1")[:20])
        file.flush()
        meter.look()
        file.write(line("b:1")[20:])
    log.rename(tmp_path / "access.json.1")
    log.write_text(line("b:1", duration="0.500"))
    meter.look()
    assert (meter.total.requests, meter.total.failed) == (3, 1)
    assert (meter.of(["a:1"]).failed, meter.of(["b:1"]).requests, meter.of(["b:1"]).percentile(95)) == (1, 2, 0.5)


def test_only_what_clients_asked_of_containers_counts(tmp_path: Path) -> None:
    """Neither the watchdog's own look through nginx, nor the page for whoever comes while a service is recreated, is a failed request."""
    log = tmp_path / "access.json"
    log.write_text("")
    meter = Meter(lambda name: name == "shop_api_80", log)
    own = {"agent": "latentum-ops-watchdog", "client": "127.0.0.1"}
    with log.open("a") as file:
        file.write(line("a:1", 503, **own) + line("127.8.0.3:8503", 503, **own) + line("127.8.0.3:8503", 503, client="192.0.2.7"))
        file.write(line("a:1", 503, **{**own, "client": "192.0.2.7"}))  # only calls itself so
        file.write(line("a:1", agent="curl/8", client="127.0.0.1"))
    meter.look()
    assert (meter.total.requests, meter.total.failed, meter.maintenance) == (2, 1, 1)
    assert list(meter.by_address) == ["a:1"] and meter.of(["a:1"]).failed == 1


def test_without_a_log_there_is_nothing_to_count(tmp_path: Path) -> None:
    meter = Meter(lambda _name: True, tmp_path / "none")
    meter.look()
    assert meter.total.requests == 0


def figures(requests: int, failed: int = 0, seconds: float = 0.01) -> Figures:
    return Figures(requests, failed, [seconds] * min(requests, 1000))


@pytest.mark.parametrize(
    ("old", "new", "over", "state"),
    [
        (figures(1000), figures(100, 20), False, "bad"),
        (figures(1000), figures(15, 3), False, "bad"),
        (figures(1000), figures(2, 2), False, "open"),  # two are no proof
        (figures(1000), figures(100), False, "open"),
        (figures(1000), figures(100), True, "good"),
        (figures(1000), figures(99), True, "low_traffic"),
        (figures(1000, 200), figures(1000, 205), True, "good"),  # as bad as the old one is
        (figures(1000), figures(1000, 12), True, "bad"),
        (figures(1000, seconds=0.01), figures(1000, seconds=2.0), False, "bad"),
        (figures(1000, seconds=0.001), figures(1000, seconds=0.02), True, "good"),  # milliseconds are nobody's harm
        (figures(1000, seconds=0.2), figures(19, seconds=2.0), False, "open"),
    ],
)
def test_verdicts(old: Figures, new: Figures, over: bool, state: str) -> None:
    assert judge(old, new, RULE, over=over).state == state


def test_the_least_rate_grows_with_what_was_seen() -> None:
    assert wilson_lower_bound(0, 0) == 0
    assert wilson_lower_bound(1, 10) < wilson_lower_bound(10, 100) < wilson_lower_bound(100, 1000) < 0.1


def test_a_rule_from_the_declaration() -> None:
    rule = Rule.from_dict({"share": 5, "prometheus": {"url": "http://p", "query": "up", "max": 1.0}, "duration": None})
    assert (rule.share, rule.duration, rule.prometheus.query if rule.prometheus else "") == (5, 60.0, "up")


class Prometheus(BaseHTTPRequestHandler):
    """The HTTP API of Prometheus, as far as one query needs it (Prometheus documentation, "HTTP API")."""

    answers: ClassVar[dict[str, Any]] = {
        "vector": {"resultType": "vector", "result": [{"metric": {}, "value": [1, "0.25"]}]},
        "scalar": {"resultType": "scalar", "result": [1, "0.25"]},
        "nothing": {"resultType": "vector", "result": []},
        "nan": {"resultType": "vector", "result": [{"metric": {}, "value": [1, "NaN"]}]},
    }

    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query)["query"][0]
        self.send_response(200 if query in self.answers else 400)
        self.end_headers()
        self.wfile.write(json.dumps({"status": "success", "data": self.answers.get(query)}).encode())

    def log_message(self, *_given: Any) -> None:
        pass


@pytest.fixture(scope="module")
def prometheus() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Prometheus)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()


@pytest.mark.parametrize(
    ("query", "allowed", "state"),
    [
        ("vector", 0.5, "good"),
        ("vector", 0.2, "bad"),
        ("scalar", 0.5, "good"),
        ("nothing", 0.5, "bad"),
        ("nan", 0.5, "bad"),
        ("wrong", 0.5, "bad"),
    ],
)
def test_prometheus_has_a_word(prometheus: str, query: str, allowed: float, state: str) -> None:
    assert ask_prometheus(Query(prometheus, query, allowed)).state == state


def test_a_prometheus_that_is_away_is_no_consent() -> None:
    assert ask_prometheus(Query("http://127.0.0.1:9", "up", 1)).state == "bad"


class Tells(BaseHTTPRequestHandler):
    """A container that tells its quality."""

    answers: ClassVar[dict[str, tuple[int, str]]] = {}

    def do_GET(self) -> None:
        status, body = self.answers[self.path]
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def told() -> Iterator[str]:
    """``address:port`` of containers; the path says which."""
    server = HTTPServer(("127.0.0.1", 0), Tells)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("rule", "old", "new", "state", "text"),
    [
        ({"better": "lower"}, "0.5", "0.4", "good", "is 0.4, before 0.5 (lower is better)"),
        ({"better": "lower"}, "0.5", "0.51", "bad", "allowed are 0 % less good"),
        ({"better": "lower", "tolerance": 5.0}, "0.5", "0.52", "good", "0.52"),
        ({"better": "lower", "tolerance": 5.0}, "0.5", "0.53", "bad", "allowed are 5 % less good"),
        ({}, "0.9", "0.89", "bad", "is 0.89, before 0.9 (higher is better)"),
        ({}, "0.9", "0.9", "good", ""),
        ({}, "-2", "-2.1", "bad", "-2.1"),  # a log-likelihood is negative
        ({"tolerance": 10.0}, "-2", "-2.1", "good", ""),
        ({"better": "lower", "tolerance": 5.0}, "3.1e-15", "4.5e-15", "good", "is 4.5e-15"),
        ({"better": "lower", "tolerance": 5.0}, "0", "0.001", "bad", "is 0.001"),
        ({"field": "metrics.r2"}, '{"metrics": {"r2": 0.7}}', '{"metrics": {"r2": 0.8}}', "good", "metrics.r2 is 0.8"),
        ({"field": "metrics.r2"}, '{"metrics": {"r2": 0.7}}', '{"metrics": []}', "bad", "the answer has no metrics.r2"),
        ({}, "0.9", "NaN", "bad", "the answer is no number"),
        ({}, "0.9", '"0.95"', "bad", "the answer is no number"),
        ({}, "0.9", "true", "bad", "the answer is no number"),
        ({}, "0.9", "<html>", "bad", "no number and no JSON"),
        ({}, "<html>", "0.1", "good", "the version before tells none"),
    ],
)
def test_quality(told: str, rule: dict[str, Any], old: str, new: str, state: str, text: str) -> None:
    Tells.answers = {"/quality": (200, new)}
    other = HTTPServer(("127.0.0.1", 0), type("Old", (Tells,), {"answers": {"/quality": (200, old)}}))
    threading.Thread(target=other.serve_forever, args=(0.02,), daemon=True).start()
    verdict = compare_quality(Quality("/quality", **rule), [f"127.0.0.1:{other.server_address[1]}"], [told])
    other.shutdown()
    other.server_close()
    assert (verdict.state, text in verdict.reason) == (state, True), verdict


def test_a_new_version_that_tells_no_quality_is_refused(told: str) -> None:
    Tells.answers = {"/quality": (404, "")}
    assert "the answer is 404" in compare_quality(Quality("/quality"), [], [told]).reason
    assert "no answer (ConnectionError)" in compare_quality(Quality("/quality"), [], ["127.0.0.1:1"]).reason
    assert compare_quality(Quality("/quality"), [told], []).state == "bad"


def test_where_neither_version_tells_its_quality_nothing_is_compared(told: str) -> None:
    """Before the first model an update of the server would be refused for ever."""
    Tells.answers = {"/quality": (404, "")}
    verdict = compare_quality(Quality("/quality"), [told], [told])
    assert (verdict.state, verdict.reason) == ("good", "neither version tells its quality at /quality")
