# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host below a folder for the verbs of an emergency: an engine, a front door that answers what its path says, releases, probes."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.routes import Routes
from ansible_collections.latentum.ops.plugins.module_utils.emergency import check
from ansible_collections.latentum.ops.plugins.module_utils.release import store
from ansible_collections.latentum.ops.plugins.module_utils.release.store import Release, Store
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.looks import Looks
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.probes import host as host_checks
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.probes.host import Check

from ..cli import host
from ..cli.dockerd import Box, Dockerd

SITE = """
server {{
    server_name {domain};
    location / {{
        proxy_pass http://shop-web;
    }}
    location {path} {{
        proxy_pass http://shop-api;
    }}
}}
"""


class _Answers(BaseHTTPRequestHandler):
    """What nginx answers; 204 where nothing else is said."""

    server: Front

    def do_GET(self) -> None:
        self.server.asked.append(f"{self.headers['Host']}{self.path}")
        self.send_response(self.server.answers.get(self.path, 204))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_given: object) -> None:
        pass


class Front(ThreadingHTTPServer):
    """nginx, as far as a probe sees it. `answers`: path to status."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.asked: list[str] = []
        self.answers: dict[str, int] = {}


@contextmanager
def front() -> Iterator[Front]:
    server = Front()
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


class Place:
    """Stack shop with web and api on a host that is well."""

    def __init__(self, root: Path, dockerd: Dockerd, nginx: Front) -> None:
        self.root, self.dockerd, self.nginx = root, dockerd, nginx
        self.checks = [Check("disk /", value="40 %"), Check("docker", value="active")]
        self.boxes: dict[str, Box] = {}
        self.add("shop", "web", "api")

    def add(self, stack: str, *services: str) -> None:
        host.declare(self.root, stack, *services)
        for service in services:
            self.boxes[service] = self.dockerd.add(stack, service)

    def watch(self, stack: str = "shop", *services: str, **more: Any) -> None:
        """What role watchdog has written."""
        folder = self.root / "etc/watchdog"
        folder.mkdir(parents=True, exist_ok=True)
        where = {"address": "127.0.0.1", "port": self.nginx.server_port, "tls": False}
        (folder / "host.json").write_text(json.dumps({"front": where, "units": []}))
        declared = [{"service": service, "expect": "healthy"} for service in services or ("web", "api")]
        given = {"stack": stack, "services": declared, "sites": [{"domain": f"{stack}.example.com", "timeout": 2}], **more}
        (folder / f"{stack}.json").write_text(json.dumps(given))

    def release(self, path: str = "/api/", stack: str = "shop", **changes: Any) -> Release:
        """The live release, with two routes."""
        upstreams = tuple({"name": f"{stack}-{service}", "project": stack, "service": service, "port": 80} for service in ("web", "api"))
        routes = Routes(upstreams, {stack: SITE.format(domain=f"{stack}.example.com", path=path)})
        services = [{"service": "web"}, {"service": "api"}]
        made = Release(stack, f"/opt/{stack}", {"services": {}, **changes}, {}, services, [], routes=routes)
        Store(stack).save(made)
        Store(stack).set_live(made.id)
        return made


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """The host, with nothing that the watchdog was told yet."""
    host.point_to(tmp_path, monkeypatch.setattr)
    for folder in ("etc/nginx", "run", "var/backups"):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    monkeypatch.setattr(host_checks, "NGINX", tmp_path / "etc/nginx")
    monkeypatch.setattr(check, "in_service", lambda: [])
    monkeypatch.setattr(store, "write_atomic", lambda path, content, *_owner: _plain(Path(path), content))
    with front() as nginx:
        dockerd = Dockerd(tmp_path / "docker.sock")
        made = Place(tmp_path, dockerd, nginx)
        monkeypatch.setattr(Looks, "_look_at_host", lambda _self: made.checks)
        yield made
        dockerd.close()


def _plain(path: Path, content: bytes | str) -> None:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
