# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The front for a monitoring host elsewhere: a real nginx with the role's files, certificates of the inventory's authority and of others,
and a real Prometheus that asks."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.host_certificates import AuthorityTerms
from ansible_collections.latentum.ops.plugins.module_utils.contracts.monitoring import MonitoringSettings
from ansible_collections.latentum.ops.plugins.module_utils.monitoring.scraping import prometheus_file, vmagent_file
from ansible_collections.latentum.ops.plugins.module_utils.tls import member
from ansible_collections.latentum.ops.plugins.module_utils.tls.authority import sign
from ansible_collections.latentum.ops.plugins.module_utils.tls.certificates import DAY
from ansible_runs import AnsibleRuns

from ...free_ports import free_port
from .. import rendering
from ..rendering import Rendered
from ..routes.nginx_runs import NGINX, Service, needs_nginx
from .rendered import ON, ROLE

UNIT = "latentum-ops-metrics-front.service"
FOLDER = "/etc/latentum-ops/metrics-front"
PATIENCE = 300.0  # seconds, on a machine that does much else
PROMETHEUS = shutil.which("prometheus") or ""
VMAGENT = shutil.which("vmagent") or ""
ANALYZE = shutil.which("systemd-analyze") or ""
FRONT = {
    **ON,
    "exporters_front": True,
    "exporters_front_clients": ["eye-1", "eye.two"],
    "exporters_front_sources": ["10.0.0.5", "2001:db8::5"],
}
VARIANTS = {
    "off": {"exporters_front": True, "exporters_front_clients": ["eye-1"]},
    "alone": ON,
    "front": FRONT,
    "more": {
        **FRONT,
        "exporters_front_more": {"postgres": "127.0.0.1:9187/metrics"},
        "watchdog_enabled": False,
        "exporters_front_listen": "[::]:9943",
    },
    "brought": {**FRONT, "exporters_front_certificate": "/etc/ssl/own.pem", "exporters_front_key": "/etc/ssl/own.key"},
}
OWN = ("files_of", "brought", "jobs", "checks", "activate")


@pytest.fixture(scope="module")
def fronts(ansible: AnsibleRuns, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Rendered]:
    own = {part: f"__exporters_front_{part}" for part in OWN} | {"preflight": "__exporters_preflight", "others": "__exporters_others"}
    return rendering.render(Rendered, ROLE, "__exporters_front_files", own, VARIANTS, ansible, tmp_path_factory.mktemp("front"))


class Hosts:
    """Hosts with certificates of one authority; the host `far` is of another one, and `old` has one that has ended."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for host in ("web1", "eye-1", "EYE-1", "eyeXtwo", "web2"):
            self._give(host, "authority", time.time())
        self._give("eye-1", "foreign", time.time(), into="far")
        self._give("eye-1", "authority", time.time() - 400 * DAY, into="old")

    def _give(self, host: str, authority: str, now: float, into: str = "") -> None:
        at = self.folder / (into or host)
        asked = member.ask(at, host, ("127.0.0.1",) if host == "web1" else (), now=now)
        members = ("web1", "eye-1", "EYE-1", "eyeXtwo", "web2")
        signed = sign(self.folder / authority, [asked.request], members, AuthorityTerms(), now=now)
        (at / "certificate.pem").write_text(signed.certificates[host])
        (at / "next.key").rename(at / "key.pem")
        (at / "authority.pem").write_text(signed.bundle)

    def file(self, host: str, name: str) -> str:
        return str(self.folder / host / f"{name}.pem")

    def context(self, host: str | None, *, version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.file("web1", "authority"))
        if version:
            context.minimum_version = context.maximum_version = version
            context.set_ciphers("ALL:@SECLEVEL=0")
        if host:
            context.load_cert_chain(self.file(host, "certificate"), self.file(host, "key"))
        return context


class Front:
    """The front of host web1, and a program behind it that says what it was asked."""

    def __init__(self, folder: Path, text: str, hosts: Hosts, tls: Mapping[str, str]) -> None:
        self.port, self.hosts, self.folder = free_port(), hosts, folder
        self.service = Service()
        for there in (f"/run/credentials/{UNIT}", *tls.values()):
            text = text.replace(there, "/NOWHERE" if there.startswith("/run/cred") else there)
        for name in ("authority", "certificate", "key"):
            text = text.replace(f"/NOWHERE/{name}.pem", hosts.file("web1", name))
        text = text.replace("/run/latentum-ops-metrics-front", str(folder)).replace("0.0.0.0:9943", f"127.0.0.1:{self.port}")
        text = text.replace("http://127.0.0.1:9100/", f"http://{self.service.address}/").replace("127.0.0.1:9753", self.service.address)
        self.config = folder / "nginx.conf"
        self.config.write_text(text)

    def start(self) -> None:
        self.process = subprocess.Popen(
            [NGINX, "-g", "daemon off;", "-e", str(self.folder / "said"), "-c", str(self.config)],
            stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        until = time.monotonic() + PATIENCE
        while True:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
                return
            assert self.process.poll() is None and time.monotonic() < until, self.process.communicate()[1]
            time.sleep(0.05)

    def ask(self, host: str | None, path: str = "/node/metrics", method: str = "GET", **more: object) -> int:
        """The status; 0 where there was no answer."""
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=PATIENCE, context=self.hosts.context(host))
        try:
            connection.request(method, path, **more)  # type: ignore[arg-type]
            answer = connection.getresponse()
            answer.read()
            return answer.status
        except (ssl.SSLError, ConnectionError, http.client.RemoteDisconnected):
            return 0
        finally:
            connection.close()


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Hosts:
    return Hosts(tmp_path_factory.mktemp("hosts"))


@pytest.fixture(scope="module")
def front(fronts: dict[str, Rendered], hosts: Hosts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    made = Front(tmp_path_factory.mktemp("nginx"), fronts["front"].files[f"{FOLDER}/nginx.conf"], hosts, {})
    made.service.replies["/metrics"] = (200, {"Content-Type": "text/plain; version=0.0.4"}, "node_load1 0.5\n")
    made.service.replies["/metrics/containers"] = (200, {"Content-Type": "text/plain; version=0.0.4"}, "container_last_seen 1\n")
    made.start()
    yield made
    made.process.terminate()
    made.process.wait(timeout=PATIENCE)


def test_nobody_who_declares_nothing_has_a_front(fronts: dict[str, Rendered]) -> None:
    for variant in ("off", "alone"):
        assert fronts[variant].files == {} and fronts[variant].variables["checks"] == []
        assert fronts[variant].variables["preflight"]["front"] == [] and UNIT not in fronts[variant].variables["others"]


def test_what_is_asked_is_what_runs(fronts: dict[str, Rendered]) -> None:
    assert set(fronts["front"].variables["jobs"]) == {"node", "requests", "nginx", "watchdog", "containers"}
    assert set(fronts["more"].variables["jobs"]) == {"node", "requests", "nginx", "postgres"}
    assert "listen [::]:9943 ssl ipv6only=off" in fronts["more"].files[f"{FOLDER}/nginx.conf"]


def test_a_certificate_of_the_operator_takes_the_place_of_the_inventorys(fronts: dict[str, Rendered]) -> None:
    assert fronts["brought"].unit(UNIT)["LoadCredential"][1:] == ["certificate.pem:/etc/ssl/own.pem", "key.pem:/etc/ssl/own.key"]
    assert fronts["brought"].variables["preflight"]["brought"]["key"] == "/etc/ssl/own.key"
    assert fronts["front"].variables["preflight"]["brought"] == {}
    assert "key.pem:/etc/latentum-ops/host-certificate/key.pem" in fronts["front"].unit(UNIT)["LoadCredential"]


def test_the_unit_admits_nobody_else(fronts: dict[str, Rendered]) -> None:
    unit = fronts["front"].unit(UNIT)
    assert unit["IPAddressDeny"] == ["any"] and unit["IPAddressAllow"] == ["localhost 10.0.0.5 2001:db8::5"]
    assert unit["User"] == ["latentum-front"] and unit["RuntimeDirectoryMode"] == ["0700"]


@pytest.mark.skipif(not ANALYZE, reason="no systemd-analyze here")
def test_the_unit_is_sandboxed(fronts: dict[str, Rendered], tmp_path: Path) -> None:
    path = tmp_path / UNIT
    path.write_text(fronts["front"].files[f"/etc/systemd/system/{UNIT}"])
    judged = subprocess.run(
        [ANALYZE, "security", "--offline=true", "--no-pager", "--threshold=30", str(path)], capture_output=True, text=True, check=False
    )
    assert "Unknown" not in judged.stderr and "ignoring" not in judged.stderr, judged.stderr
    assert judged.returncode == 0, judged.stdout[-600:] + judged.stderr


@needs_nginx
@pytest.mark.parametrize("broken", [False, True])
def test_the_checker_is_nginx_itself_with_files_that_are_there(
    fronts: dict[str, Rendered], hosts: Hosts, tmp_path: Path, broken: bool
) -> None:
    """What systemd hands over is not there before the unit runs, so the same configuration is checked with the files themselves."""
    (argv,) = fronts["front"].variables["checks"]
    assert argv == ["nginx", "-t", "-q", "-c", f"{FOLDER}/check.conf"]
    text, runs = (fronts["front"].files[f"{FOLDER}/{name}.conf"] for name in ("check", "nginx"))
    body = "worker_processes"
    assert runs[runs.index(body) :].replace(f"/run/credentials/{UNIT}", "/etc/latentum-ops/host-certificate").replace(
        "/run/latentum-ops-metrics-front/", "/run/"
    ) == text[text.index(body) :]  # fmt: skip
    for name in ("authority", "certificate", "key"):
        text = text.replace(f"/etc/latentum-ops/host-certificate/{name}.pem", hosts.file("web1", name) if not broken else "/nowhere")
    (tmp_path / "check.conf").write_text(text.replace("/run/", f"{tmp_path}/").replace("9943", str(free_port())))
    done = subprocess.run(
        [NGINX, "-t", "-q", "-e", "stderr", "-c", str(tmp_path / "check.conf")], capture_output=True, text=True, check=False
    )
    assert (done.returncode != 0) is broken, done.stderr


@needs_nginx
def test_a_monitoring_host_gets_numbers(front: Front) -> None:
    assert front.ask("eye-1") == 200
    assert front.ask("eye-1", "/containers/metrics") == 200 and front.service.requests[-1] == "GET /metrics/containers"


@needs_nginx
@pytest.mark.parametrize(
    ("host", "status"),
    [
        pytest.param(None, 0, id="without a certificate"),
        pytest.param("far", 0, id="of a foreign authority, by the right name"),
        pytest.param("old", 0, id="that has ended, by the right name"),
        pytest.param("web2", 403, id="of a host that may not ask"),
        pytest.param("web1", 403, id="of the host itself"),
        pytest.param("EYE-1", 403, id="by a name that differs in case"),
        pytest.param("eyeXtwo", 403, id="by a name that a dot of a pattern would match"),
    ],
)
def test_whoever_is_no_monitoring_host_is_refused(front: Front, host: str | None, status: int) -> None:
    before = len(front.service.requests)
    assert front.ask(host) == status
    assert len(front.service.requests) == before, "no exporter has heard of it"


@needs_nginx
@pytest.mark.parametrize(
    ("path", "method", "more", "status"),
    [
        ("/", "GET", {}, 404),
        ("/metrics", "GET", {}, 404),
        ("/node/metrics/", "GET", {}, 404),
        ("/node/../watchdog/metrics/x", "GET", {}, 404),
        ("/blackbox/probe?target=10.0.0.1", "GET", {}, 404),
        ("/node/metrics", "POST", {}, 405),
        ("/node/metrics", "DELETE", {}, 405),
        ("/node/metrics", "GET", {"body": b"x" * 100_000}, 413),
        ("/node/metrics", "GET", {"headers": {"X-Long": "x" * 20_000}}, 400),
    ],
)
def test_nothing_but_the_numbers_of_its_jobs_is_reached(front: Front, path: str, method: str, more: dict[str, object], status: int) -> None:
    before = len(front.service.requests)
    # A body that is too long is refused while it is sent: the answer may be lost with the connection.
    assert front.ask("eye-1", path, method, **more) in (status, 0 if more else status)
    assert len(front.service.requests) == before


@needs_nginx
def test_parameters_do_not_reach_an_exporter(front: Front) -> None:
    """They would choose what it does: collect[]=… of node_exporter, a target of others."""
    assert front.ask("eye-1", "/node/metrics?collect[]=textfile") == 200
    assert front.service.requests[-1] == "GET /metrics"


@needs_nginx
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
@pytest.mark.parametrize(("version", "spoken"), [("TLSv1", False), ("TLSv1_1", False), ("TLSv1_2", True), ("TLSv1_3", True)])
def test_tls_is_of_today(front: Front, hosts: Hosts, version: str, spoken: bool) -> None:
    context = hosts.context("eye-1", version=ssl.TLSVersion[version])
    try:
        with context.wrap_socket(socket.create_connection(("127.0.0.1", front.port), timeout=PATIENCE), server_hostname="web1") as wrapped:
            assert spoken and wrapped.version() == version.replace("_", ".")
    except (ssl.SSLError, ConnectionError):
        assert not spoken


@needs_nginx
def test_plain_http_is_not_answered(front: Front) -> None:
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        urllib.request.urlopen(f"http://127.0.0.1:{front.port}/node/metrics", timeout=PATIENCE)


@needs_nginx
def test_a_client_sees_that_it_is_another_host(front: Front, hosts: Hosts) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        hosts.context("eye-1").wrap_socket(socket.create_connection(("127.0.0.1", front.port), timeout=PATIENCE), server_hostname="web2")


def test_names_in_a_subject_are_compared_as_a_whole(fronts: dict[str, Rendered]) -> None:
    """Certificates of an operator have more in their subject; a comma in a value is escaped (RFC 2253), and is no border."""
    patterns = re.findall(r'"~(\S+)" 1;', fronts["front"].files[f"{FOLDER}/nginx.conf"])
    assert len(patterns) == 2
    for subject, admitted in {
        "CN=eye-1": True,
        "CN=eye-1,O=Acme,C=DE": True,
        "O=Acme,CN=eye-1": True,
        "CN=eye-1+serialNumber=7,O=Acme": True,
        "CN=eye-10": False,
        "CN=not-eye-1": False,
        "O=CN=eye-1": False,
        r"O=Acme\,CN=eye-1": False,
        "OU=eye-1": False,
        "": False,
    }.items():
        assert any(re.search(pattern, subject) for pattern in patterns) is admitted, subject


def asking(program: str, folder: Path, port: int, settings: MonitoringSettings, files: Mapping[str, str]) -> list[str]:
    """What starts one who asks, with a file of the role."""
    write = prometheus_file if program == "prometheus" else vmagent_file
    (folder / "asked.yml").write_text(write([], settings, files).replace("scrape_interval: 15s", "scrape_interval: 1s"))
    if program == "prometheus":
        return [
            PROMETHEUS,
            f"--config.file={folder}/asked.yml",
            f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address=127.0.0.1:{port}",
        ]
    return [VMAGENT, f"-promscrape.config={folder}/asked.yml", f"-remoteWrite.url=http://127.0.0.1:{free_port()}/api/v1/write",
            f"-remoteWrite.tmpDataPath={folder}/data", f"-httpListenAddr=127.0.0.1:{port}"]  # fmt: skip


@needs_nginx
@pytest.mark.parametrize("shows", ["eye-1", "web2"])
@pytest.mark.parametrize("program", ["prometheus", "vmagent"])
def test_a_real_one_asks_by_address_and_knows_the_host_by_its_name(
    front: Front, hosts: Hosts, tmp_path: Path, shows: str, program: str
) -> None:
    """Also without the address in the certificate, which is where most people are stuck: the name is what is compared."""
    if not {"prometheus": PROMETHEUS, "vmagent": VMAGENT}[program]:
        pytest.skip(f"no {program} on this machine")
    settings = MonitoringSettings.from_dict(
        {"host": "eye-1", "hosts": [{"name": "web1", "address": f"localhost:{front.port}", "jobs": ["node", "containers"]}]}
    )
    port = free_port()
    files = {name: hosts.file(shows, name) for name in ("authority", "certificate", "key")}
    process = subprocess.Popen(
        asking(program, tmp_path, port, settings, files),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "GOMAXPROCS": "1"},
    )  # fmt: skip
    try:
        targets, until = [], time.monotonic() + PATIENCE
        while time.monotonic() < until:
            with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/targets", timeout=30) as answer:
                shown = json.load(answer)["data"]["activeTargets"]
                targets = [target for target in shown if target["labels"]["job"] in ("node", "containers")]
                if targets and all(target["health"] == "up" or target["lastError"] for target in targets):
                    break
            time.sleep(0.2)
        health = {target["labels"]["job"]: target["health"] for target in targets}
        assert health == {job: "up" if shows == "eye-1" else "down" for job in ("node", "containers")}, targets
        assert {target["labels"]["instance"] for target in targets} == {"web1"}
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE)
