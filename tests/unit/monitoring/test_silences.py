# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Silences as Alertmanager has them, with Alertmanager itself as the judge of what they cover, and answers that are none."""

from __future__ import annotations

import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.monitoring import silences as module
from ansible_collections.latentum.ops.plugins.module_utils.monitoring.silences import (
    Matcher,
    Silence,
    SilencesError,
    covering,
    read,
    require_address,
    silence_from,
)

from ..free_ports import free_port
from ..roles.monitoring.programs import answered, until, with_templates
from ..roles.monitoring.rendered import needs_programs

PATIENCE = 120.0  # seconds for one answer on a busy machine


@dataclass
class Alertmanager:
    """One that runs, with amtool beside it."""

    folder: Path
    address: str
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        (self.folder / "config.yml").write_text("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n")
        words = ["prometheus-alertmanager", f"--config.file={self.folder / 'config.yml'}", f"--storage.path={self.folder / 'data'}"]
        listen = [f"--web.listen-address={self.address}", "--cluster.listen-address="]
        self.process = subprocess.Popen([*with_templates(), *words, *listen], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(lambda: answered(self.address, "/-/ready"), "Alertmanager is ready")

    def stop(self) -> None:
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=PATIENCE)

    def amtool(self, *words: str) -> str:
        """What it prints."""
        argv = ["amtool", f"--alertmanager.url=http://{self.address}", *words]
        return subprocess.run(argv, capture_output=True, text=True, check=True, timeout=PATIENCE).stdout.strip()

    def silence(self, *matchers: str, **options: str) -> str:
        """A silence by a person; its id."""
        given = {"author": "ada", "comment": "a larger disk", "duration": "1h", **options}
        return self.amtool("silence", "add", *(f"--{name}={value}" for name, value in given.items()), *matchers)

    def read(self) -> dict[str, Silence]:
        """What the engine reads, by id."""
        return {silence.id: silence for silence in read(self.address, PATIENCE)}


@pytest.fixture
def alertmanager(tmp_path: Path) -> Iterator[Alertmanager]:
    made = Alertmanager(tmp_path, f"127.0.0.1:{free_port()}")
    made.start()
    try:
        yield made
    finally:
        made.stop()


INCIDENT = {
    "alertname": "WatchdogIncident",
    "stack": "shop",
    "service": "web",
    "subject": "web",
    "severity": "critical",
    "instance": "web1",
}
ALERTS: list[dict[str, str]] = [
    INCIDENT,
    {**INCIDENT, "severity": "warning"},
    {**INCIDENT, "stack": "shop-2"},
    {**INCIDENT, "stack": "blog", "service": "api", "subject": "api"},
    {"alertname": "WatchdogIncident", "subject": "disk /var", "severity": "critical", "instance": "web1"},
    {"alertname": "WatchdogIncident", "stack": "shop", "subject": "site:shop.example.com", "severity": "critical", "instance": "web1"},
    {**INCIDENT, "service": 'we"b', "subject": "we\\b\tüñ"},
]
SILENCES: list[tuple[str, ...]] = [
    ("stack=shop",),
    # A pattern is one of the whole label: another stack that only begins so is another one.
    ("stack=~shop",),
    ("stack=~shop.*",),
    ("stack=~shop|blog",),
    ("stack=~(?:shop|blog)", "service=~web|api"),
    ("stack=~SHOP",),
    ("stack=~(?i)SHOP",),
    ("stack=shop", "severity!=critical"),
    ("stack=shop", "service!~w.*"),
    # A label that is not there is an empty one.
    ("instance=web1", 'stack=""'),
    ("instance=web1", 'service=~""'),
    ("subject=~disk.*",),
    ("subject=~site:.+\\.example\\.com",),
    ("subject=~[a-z]+",),
    ("stack=~s(h)?op",),
    ("instance=~web[0-9]",),
    ("instance=web2",),
    ('service="we\\"b"',),
    ("route=shop.example.com/", "stack=shop"),
    ("route!=shop.example.com/", "stack=shop"),
]


@needs_programs
def test_what_a_silence_covers_is_what_alertmanager_says_it_covers(alertmanager: Alertmanager) -> None:
    ids = [alertmanager.silence(*matchers) for matchers in SILENCES]
    assert answered(alertmanager.address, "/api/v2/alerts", [{"labels": labels} for labels in ALERTS]) is not None
    shown = until(lambda: answered(alertmanager.address, "/api/v2/alerts"), "the alerts are there")
    assert len(shown) == len(ALERTS)
    known = alertmanager.read()
    assert set(known) == set(ids) and not any(silence.obscure for silence in known.values())
    for alert in shown:
        labels = alert["labels"]
        mine = {identity for identity, silence in known.items() if silence.covers(labels, [labels["alertname"]])}
        assert mine == set(alert["status"]["silencedBy"]), labels
    assert any(alert["status"]["silencedBy"] for alert in shown)


@needs_programs
def test_only_what_holds_now_counts_as_it_was_edited_and_over_a_restart(alertmanager: Alertmanager) -> None:
    kept, ended = alertmanager.silence("stack=shop"), alertmanager.silence("stack=blog")
    alertmanager.silence("stack=later", start="2099-01-01T00:00:00Z", duration="1h")
    assert set(alertmanager.read()) == {kept, ended}
    alertmanager.amtool("silence", "expire", ended)
    (silence,) = alertmanager.read().values()
    assert (silence.who, silence.comment, silence.describe()) == ("ada", "a larger disk", 'stack="shop"')
    before = silence.until
    alertmanager.amtool("silence", "update", "--duration=3h", "--comment=longer", kept)
    (silence,) = alertmanager.read().values()
    assert silence.comment == "longer" and silence.until > before + 3600
    alertmanager.stop()
    with pytest.raises(SilencesError, match="does not answer"):
        alertmanager.read()
    alertmanager.start()
    assert [known.comment for known in alertmanager.read().values()] == ["longer"]


@contextmanager
def answering(status: int = 200, body: bytes = b"", write: Callable[[Any], None] | None = None) -> Iterator[str]:
    """The address of something that answers so."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            if status == 302:
                self.send_header("Location", "http://127.0.0.1:1/")
            self.end_headers()
            (write or (lambda stream: stream.write(body)))(self.wfile)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (200, b"<html>", "no Alertmanager"),
        (200, b'{"status": "success", "data": []}', "no Alertmanager"),
        (200, b'[{"id": "1"}]', "no Alertmanager"),
        (200, b'[{"id": "1", "status": {"state": "active"}, "matchers": [], "endsAt": "soon"}]', "no Alertmanager"),
        (200, b"", "no Alertmanager"),
        (200, b"\xff", "no Alertmanager"),
        (404, b"", "answers 404"),
        (503, b"", "answers 503"),
        (302, b"", "answers 302"),
    ],
)
def test_an_answer_that_is_none_is_said(status: int, body: bytes, words: str) -> None:
    with answering(status, body) as address, pytest.raises(SilencesError, match=words) as raised:
        read(address, PATIENCE)
    assert address in str(raised.value)


def test_who_sends_without_end_or_says_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    stop = threading.Event()

    def drip(stream: Any) -> None:
        while not stop.wait(0.02):
            stream.write(b" ")
            stream.flush()

    with answering(write=drip) as address, pytest.raises(SilencesError, match="too long"):
        read(address, 0.5)
    stop.set()
    monkeypatch.setattr(module, "LARGEST", 1000)
    with answering(body=b" " * 5000) as address, pytest.raises(SilencesError, match="of silences"):
        read(address, PATIENCE)
    with socket.create_server(("127.0.0.1", 0)) as hanging, pytest.raises(SilencesError, match="does not answer"):
        read(f"127.0.0.1:{hanging.getsockname()[1]}", 0.3)
    with pytest.raises(SilencesError, match="does not answer"):
        read(f"127.0.0.1:{free_port()}", PATIENCE)


@pytest.mark.parametrize("address", ["alerts.example.com:9093", "10.0.0.1:9093", "0.0.0.0:9093", "127.0.0.1", ":9093", "127.0.0.1:0", "x"])
def test_who_decides_what_is_told_is_on_this_host(address: str) -> None:
    with pytest.raises(ValueError, match="no address of loopback") as raised:
        require_address(address)
    assert address in str(raised.value) and "127.0.0.1:9093" in str(raised.value)
    with pytest.raises(SilencesError):
        read(address)
    require_address("[::1]:9093")


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("(a+)+$", "too involved"),
        ("(a|aa)*b", "too involved"),
        (".*.*.*.*.*.*x", "too involved"),
        ("a" * 400, "too involved"),
        ("(.*|.*)(.*|.*)(.*|.*)", "too involved"),
        ("[[:alpha:]]+", "RE2 alone"),
        ("\\pL+", "RE2 alone"),
        ("(?U)a.*", "RE2 alone"),
        ("\\Qa.b\\E", "RE2 alone"),
        ("a(?P<x", "RE2 alone"),
        ("a(", "cannot be read"),
        ("*", "cannot be read"),
    ],
)
def test_a_pattern_that_cannot_be_judged_silences_nothing_and_takes_no_time(pattern: str, words: str) -> None:
    silence = Silence("1", (Matcher("service", pattern, regex=True),), "ada", "", 0)
    began = time.process_time()
    assert words in silence.obscure and not silence.covers({"service": "a" * 64 + "!"}, ["ServiceDown"])
    assert time.process_time() - began < 20


@pytest.mark.parametrize("pattern", ["web|api|worker|.*-db|.*-cache|.*-queue", "[*+{(]+", "\\(\\)*", "w?e?b?"])
def test_a_pattern_as_people_write_them_is_judged(pattern: str) -> None:
    assert not Silence("1", (Matcher("service", pattern, regex=True),), "ada", "", 0).obscure


def test_a_name_that_is_asked_for_is_one_of_all_and_one_that_is_excluded_none_of_them() -> None:
    names = ["WatchdogIncident", "ServiceDown"]

    def covers(value: str, *, regex: bool = False, equal: bool = True) -> bool:
        return Silence("1", (Matcher("alertname", value, regex, equal),), "ada", "", 0).covers({}, names)

    assert covers("ServiceDown") and covers("Service.*", regex=True) and not covers("HighErrorRate")
    assert covers("HighErrorRate", equal=False) and not covers("ServiceDown", equal=False)
    assert not covers("Service.*", regex=True, equal=False)


def test_of_several_the_longest_counts_and_one_without_matchers_covers_nothing() -> None:
    shop = (Matcher("stack", "shop"),)
    silences = [Silence(str(until), shop, "ada", "", until) for until in (10.0, 30.0, 20.0)] + [Silence("x", (), "ada", "", 99.0)]
    found = covering(silences, {"stack": "shop"}, ["x"])
    assert found is not None and found.id == "30.0" and covering(silences, {"stack": "blog"}, ["x"]) is None
    assert silence_from(found.to_dict()) == found
