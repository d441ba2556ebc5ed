# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The service of all sinks, as systemd starts it: TLS, credentials, a sink that hangs beside others, a kill, and its numbers."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ...free_ports import free_port
from ...roles.log_shipping.receiver import Authority
from .sites import PATIENCE, Site, texts
from .stand_ins import Reply, Server

ENGINE = Path(__file__).parents[4] / "plugins/module_utils"
EXPORTER, PROMTOOL = (shutil.which(name) or "" for name in ("prometheus-node-exporter", "promtool"))
PASSWORD = "A-password-of-25-characters"
Serve = Callable[..., Server]


class Service:
    """The service; C(credentials) is the folder that systemd would make."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.credentials = site.folder / "credentials"
        self.credentials.mkdir()
        (site.folder / "engine").mkdir()
        (site.folder / "engine/latentum_ops").symlink_to(ENGINE)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *sinks: dict[str, Any]) -> None:
        (self.site.folder / "settings.json").write_text(json.dumps(self.site.raw(*sinks)))
        for sink in sinks:
            (self.site.folder / f"numbers/latentum_ops_logs_sink_{sink['name']}.prom").write_text("")
        argv = [sys.executable, "-B", "-m", "latentum_ops.logs", "ship", str(self.site.folder / "settings.json")]
        own = {"PYTHONPATH": str(self.site.folder / "engine"), "CREDENTIALS_DIRECTORY": str(self.credentials)}
        with (self.site.folder / "said").open("ab") as said:
            self.process = subprocess.Popen(argv, env={**os.environ, **own}, stderr=said, stdout=said)

    def said(self) -> str:
        return (self.site.folder / "said").read_text()

    def until(self, holds: Callable[[], object]) -> None:
        """Wait for something to be seen."""
        until = time.monotonic() + PATIENCE
        while not holds():
            assert self.process is not None and self.process.poll() is None and time.monotonic() < until, self.said()
            time.sleep(0.05)

    def stop(self, number: int = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(timeout=PATIENCE)


@pytest.fixture
def service(site: Site) -> Iterator[Service]:
    running = Service(site)
    yield running
    if running.process is not None and running.process.poll() is None:
        running.process.kill()
        running.process.wait()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def tls(authority: Authority, name: str = "localhost") -> tuple[str, str]:
    files = authority.issue(name)
    return files["certificate"], files["key"]


def test_three_kinds_at_once_and_a_sink_that_hangs_or_is_away_keeps_no_other(site: Site, serve: Serve, service: Service) -> None:
    loki, bulk, victoria, hanging = serve("loki"), serve("opensearch"), serve("victorialogs"), serve("loki")
    hanging.gate.clear()
    sinks = {"loki": loki, "opensearch": bulk, "victorialogs": victoria}
    declared = [{"name": f"{kind}-main", "kind": kind, "url": server.url} for kind, server in sinks.items()]
    declared += [{"name": "hangs", "kind": "loki", "url": hanging.url}, {"name": "away", "kind": "loki", "url": "http://127.0.0.1:1"}]
    lines = [f"line {number:05d}" for number in range(1000)]
    site.write(*lines[:500])
    service.start(*declared)
    service.until(lambda: "sink away: takes nothing" in service.said() and hanging.requests)
    site.write(*lines[500:])
    for server in sinks.values():
        service.until(lambda server=server: len(server.store.kept) == 1000)
        assert texts(server) == lines
    assert hanging.store.kept == []
    hanging.gate.set()
    service.until(lambda: len(hanging.store.kept) == 1000)
    assert texts(hanging) == lines
    assert service.stop() == 0


def test_a_kill_loses_nothing(site: Site, serve: Serve, service: Service) -> None:
    server = serve("elasticsearch")
    lines = [f"line {number:06d}" for number in range(9000)]
    site.write(*lines)
    sink = {"name": "main", "kind": "elasticsearch", "url": server.url, "batch": "64K"}
    for part in (1, 2):
        service.start(sink)
        service.until(lambda part=part: len(server.store.kept) > part * 2000)
        assert service.stop(signal.SIGKILL) == -signal.SIGKILL
    service.start(sink)
    service.until(lambda: len(server.store.kept) == 9000)
    assert texts(server) == lines and service.stop() == 0


def test_over_tls_with_a_password_that_is_nowhere_to_be_seen(site: Site, serve: Serve, service: Service, authority: Authority) -> None:
    wanted = f"Basic {base64.b64encode(f'shipper:{PASSWORD}'.encode()).decode()}"
    server = serve("loki", tls=tls(authority), authorization=wanted)
    (service.credentials / "main.password_file").write_text(f"{PASSWORD}\n")
    (service.credentials / "main.authority").write_bytes((authority.folder / "authority.pem").read_bytes())
    files = {"user": "shipper", "password_file": "/etc/secret/password", "authority": "/etc/ssl/own.pem"}
    site.write("hello")
    service.start({"name": "main", "kind": "loki", "url": server.url, **files})
    service.until(lambda: server.store.kept)
    assert texts(server) == ["hello"] and service.process is not None
    for part in ("cmdline", "environ"):
        assert PASSWORD.encode() not in Path(f"/proc/{service.process.pid}/{part}").read_bytes()
    service.until(lambda: "accepted_total" in (site.folder / "numbers/latentum_ops_logs_sink_main.prom").read_text())
    assert service.stop() == 0
    written = [path for path in site.folder.rglob("*") if path.is_file() and path.parent != service.credentials]
    assert not [path for path in written if PASSWORD.encode() in path.read_bytes() or wanted.encode() in path.read_bytes()]


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("foreign", "certificate verify failed"),
        ("another name", "certificate is not valid for 'localhost'"),
        ("expired", "certificate has expired"),
        ("system", "certificate verify failed"),
        ("plain", "wrong version number|no answer of HTTP|record layer"),
        ("no file", r"authority \(/etc/ssl/own.pem\) cannot be read"),
        ("missing", r"authority \(/etc/ssl/own.pem\) was empty, or not there"),
        ("nonsense", r"authority \(/etc/ssl/own.pem\) is no PEM file"),
    ],
)
def test_who_is_not_to_be_trusted_gets_nothing(
    how: str, said: str, site: Site, serve: Serve, service: Service, authority: Authority, tmp_path: Path
) -> None:
    files = (
        authority.issue("localhost", days=-1)
        if how == "expired"
        else authority.issue("other.example.com" if "name" in how else "localhost")
    )
    server = serve("loki", tls=None if how == "plain" else (files["certificate"], files["key"]))
    server.authorization = "Bearer token"
    trusted = Authority(tmp_path / "foreign") if how == "foreign" else authority
    content = {"missing": b"missing", "nonsense": b"nonsense"}.get(how, (trusted.folder / "authority.pem").read_bytes())
    if how != "no file":
        (service.credentials / "main.authority").write_bytes(content)
    (service.credentials / "main.token_file").write_text("token")
    own = {"token_file": "/etc/secret/token", **({} if how == "system" else {"authority": "/etc/ssl/own.pem"})}
    site.write("hello")
    service.start({"name": "main", "kind": "loki", "url": f"https://localhost:{server.port}", **own})
    service.until(lambda: "takes nothing" in service.said())
    assert re.search(said, service.said()), service.said()
    assert server.requests == 0 and service.stop() == 0


def test_a_client_certificate(site: Site, serve: Serve, service: Service, authority: Authority) -> None:
    server = serve("opensearch", tls=tls(authority))
    own = authority.issue("web1.example.com")
    for name, path in own.items():
        (service.credentials / f"main.{name}").write_bytes(Path(path).read_bytes())
    site.write("hello")
    service.start({"name": "main", "kind": "opensearch", "url": server.url, **own})
    service.until(lambda: server.store.kept)
    assert service.stop() == 0


@pytest.mark.parametrize("how", ["wrong", "two lines", "missing"])
def test_wrong_credentials_are_told_and_lose_nothing(how: str, site: Site, serve: Serve, service: Service) -> None:
    server = serve("loki", authorization=f"Bearer {PASSWORD}")
    (service.credentials / "main.token_file").write_text({"wrong": "another", "two lines": f"{PASSWORD}\nmore"}.get(how, "missing"))
    site.write("hello")
    sink = {"name": "main", "kind": "loki", "url": server.url, "token_file": "/etc/secret/token"}
    service.start(sink)
    told = {
        "wrong": "the credentials are not taken: 401",
        "two lines": "holds more than one line",
        "missing": "token_file (/etc/secret/token) was empty, or not there",
    }
    service.until(lambda: told[how] in service.said())
    assert PASSWORD not in service.said() and service.stop() == 0 and server.store.kept == []
    (service.credentials / "main.token_file").write_text(PASSWORD)
    service.start(sink)
    service.until(lambda: server.store.kept)
    assert texts(server) == ["hello"] and service.stop() == 0


def test_credentials_that_are_not_taken_are_read_anew(site: Site, serve: Serve, service: Service) -> None:
    """What systemd hands over is that of the start: the service ends, and is started with what is there now."""
    sitecustomize = site.folder / "engine/sitecustomize.py"
    sitecustomize.write_text("import latentum_ops.logs.sinks.service as service\nservice.REFUSED = 0.5\n")
    server = serve("loki", authorization="Bearer new")
    (service.credentials / "main.token_file").write_text("old")
    site.write("hello")
    service.start({"name": "main", "kind": "loki", "url": server.url, "token_file": "/etc/secret/token"})
    assert service.process is not None and service.process.wait(timeout=PATIENCE) == 1
    assert "credentials of main are not taken: they are read anew" in service.said()


def test_it_says_once_what_is_wrong_and_that_it_is_well_again(site: Site, serve: Serve, service: Service) -> None:
    server = serve("loki")
    server.replies = [Reply(503, "not now")] * 3
    site.write("hello")
    service.start({"name": "main", "kind": "loki", "url": server.url})
    service.until(lambda: "takes records again" in service.said())
    assert service.said().splitlines() == [
        "<4>sink main: takes nothing: 503 not now; what waits is kept",
        "<5>sink main: takes records again",
    ]
    assert service.stop() == 0


def test_what_is_refused_for_good_is_told(site: Site, serve: Serve, service: Service) -> None:
    (site.folder / "engine/sitecustomize.py").write_text("import latentum_ops.logs.sinks.service as service\nservice.REPORT = 0.1\n")
    server = serve("loki")
    server.largest = 2000
    site.write("x" * 5000)
    service.start({"name": "main", "kind": "loki", "url": server.url})
    service.until(lambda: "has refused 1 records for good, the last: 413" in service.said())
    assert service.stop() == 0


def test_a_fault_of_the_engine_in_one_sink_is_none_of_the_others(site: Site, serve: Serve, service: Service) -> None:
    patch = "import latentum_ops.logs.sinks.bulk as bulk\nbulk.Bulk.body = lambda self, entries: 1 / 0\n"
    (site.folder / "engine/sitecustomize.py").write_text(patch)
    loki, bulk = serve("loki"), serve("opensearch")
    site.write("hello")
    declared = [{"name": "broken", "kind": "opensearch", "url": bulk.url}, {"name": "main", "kind": "loki", "url": loki.url}]
    service.start(*declared)
    service.until(lambda: loki.store.kept and "sink broken: takes nothing: a fault of the engine: ZeroDivisionError" in service.said())
    assert service.stop() == 0


@pytest.mark.skipif(not (EXPORTER and PROMTOOL), reason="no node_exporter and promtool on this machine")
def test_numbers_of_two_sinks_as_node_exporter_hands_them_on(site: Site, serve: Serve, service: Service) -> None:
    servers = {"one": serve("loki"), "two": serve("victorialogs")}
    site.write("hello", "x" * 300_000)
    service.start(*[{"name": name, "kind": ("loki", "victorialogs")[name == "two"], "url": server.url} for name, server in servers.items()])
    files = [site.folder / f"numbers/latentum_ops_logs_sink_{name}.prom" for name in servers]
    for server in servers.values():
        service.until(lambda server=server: len(server.store.kept) == 2)
    assert service.stop() == 0
    service.start(*json.loads((site.folder / "settings.json").read_text())["sinks"])
    service.until(lambda: all("accepted_total{" in path.read_text() for path in files))
    for path in files:
        checked = subprocess.run([PROMTOOL, "check", "metrics"], input=path.read_bytes(), capture_output=True, check=False)
        assert b"error" not in checked.stderr.lower() and checked.returncode in (0, 3), checked.stderr
    address = f"127.0.0.1:{free_port()}"
    words = [EXPORTER, f"--web.listen-address={address}", "--collector.disable-defaults", "--collector.textfile"]
    exporter = subprocess.Popen([*words, f"--collector.textfile.directory={site.folder / 'numbers'}"], stderr=subprocess.DEVNULL)
    try:
        shown = ""

        def answers() -> bool:
            nonlocal shown
            try:
                shown = urllib.request.urlopen(f"http://{address}/metrics", timeout=5).read().decode()
            except OSError:
                return False
            return True

        service.until(answers)
    finally:
        exporter.kill()
        exporter.wait()
    for name in servers:
        for number, value in {
            "accepted_total": 2,
            "cut_total": 1,
            "dropped_total": 0,
            "rejected_total": 0,
            "waiting_bytes": 0,
            "queue_bytes": "1.073741824e+09",
            "up": 1,
        }.items():
            assert f'latentum_ops_logs_sink_{number}{{sink="{name}"}} {value}\n' in shown, shown
    assert "node_textfile_scrape_error 0" in shown and service.stop() == 0


def test_without_sinks_it_says_what_to_write(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    from ansible_collections.latentum.ops.plugins.module_utils.logs.__main__ import main

    (site.folder / "settings.json").write_text(json.dumps(site.raw()))
    assert main(["ship", str(site.folder / "settings.json")]) == 1
    assert "log_shipping_sinks names some" in capsys.readouterr().err
