# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that hosts have in inventories, in certificates that a real Prometheus looks at: it is stricter than openssl."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import ssl
import subprocess
import threading
import time
import urllib.request
from pathlib import Path

from ansible_collections.latentum.ops.plugins.module_utils.contracts.host_certificates import AuthorityTerms
from ansible_collections.latentum.ops.plugins.module_utils.contracts.monitoring import MonitoringSettings
from ansible_collections.latentum.ops.plugins.module_utils.monitoring.scraping import prometheus_file
from ansible_collections.latentum.ops.plugins.module_utils.tls import member
from ansible_collections.latentum.ops.plugins.module_utils.tls.authority import sign

from ...free_ports import free_port
from .rendered import needs_programs

PATIENCE = 300.0
# With an underscore, in capitals, an address of each version in place of a name, and a name within constraints.
NAMES = ("web_1", "Web-2", "10.0.0.13", "2001:db8::14")
CONSTRAINED = ("web_5.example.internal", "10.0.0.16")


class Numbers(http.server.BaseHTTPRequestHandler):
    """What an exporter answers."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(b"answers 1\n")

    def log_message(self, *_arguments: object) -> None:
        """Nothing."""


class Site:
    """An inventory with an authority, and a server with the certificate of each host."""

    def __init__(self, folder: Path, names: tuple[str, ...], terms: AuthorityTerms) -> None:
        self.folder = folder
        watching = names[0] if terms.constraints else "eye-1"  # inside of the constraints
        members = dict.fromkeys((*names, watching))
        for name in members:
            request = member.ask(folder / name, name, ()).request
            signed = sign(folder / "authority", [request], members, terms)
            member.install(folder / name, signed.certificates[name], signed.bundle, os.getgid())
        self.files = {part: str(folder / watching / f"{part}.pem") for part in ("authority", "certificate", "key")}
        self.ports = {name: self._serve(name) for name in names}

    def _serve(self, name: str) -> int:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=self.files["authority"])
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_cert_chain(self.folder / name / "certificate.pem", self.folder / name / "key.pem")
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Numbers)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return int(server.server_address[1])


@needs_programs
def test_a_host_is_known_by_whatever_name_it_has_in_the_inventory(tmp_path: Path) -> None:
    plain = Site(tmp_path / "plain", NAMES, AuthorityTerms())
    inside = Site(tmp_path / "inside", CONSTRAINED, AuthorityTerms(constraints=("example.internal", "10.0.0.0/24")))
    health: dict[str, tuple[str, str]] = {}
    for site in (plain, inside):
        health |= scraped(site, tmp_path)
    assert {name: state for name, (state, _error) in health.items()} == dict.fromkeys((*NAMES, *CONSTRAINED), "up"), health


def scraped(site: Site, folder: Path) -> dict[str, tuple[str, str]]:
    """What Prometheus says of each host of a site."""
    hosts = [{"name": name, "address": f"127.0.0.1:{port}", "jobs": ["node"]} for name, port in site.ports.items()]
    text = prometheus_file([], MonitoringSettings.from_dict({"host": "eye-1", "hosts": hosts}), site.files)
    file, port = folder / f"{site.folder.name}.yml", free_port()
    file.write_text(text.replace("scrape_interval: 15s", "scrape_interval: 1s"))
    process = subprocess.Popen(
        [
            "prometheus",
            f"--config.file={file}",
            f"--storage.tsdb.path={folder}/{site.folder.name}-data",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "GOMAXPROCS": "1"},
    )
    try:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/targets", timeout=30) as answer:
                targets = [target for target in json.load(answer)["data"]["activeTargets"] if target["scrapePool"].startswith("host/")]
                if len(targets) == len(hosts) and all(target["health"] != "unknown" for target in targets):
                    return {target["labels"]["instance"]: (target["health"], target["lastError"]) for target in targets}
            time.sleep(0.2)
        raise AssertionError("Prometheus has asked nobody")
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE)
