# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real nginx with the sites of a declaration, as role nginx renders them, on ports of loopback; and who is behind it.

Paths of a host become paths of a folder, and nothing else is changed in what the role writes.
"""

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
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pki
from ansible_collections.latentum.ops.plugins.module_utils.authentication import host_files
from ansible_collections.latentum.ops.plugins.module_utils.declaration.loader import load, problems
from ansible_collections.latentum.ops.plugins.module_utils.declaration.routes.authentication.derive import route_authentication
from ansible_collections.latentum.ops.plugins.module_utils.declaration.routes.derive import nginx_sites, nginx_upstreams
from ansible_collections.latentum.ops.plugins.module_utils.declaration.services.derive import secret_entries
from ansible_collections.latentum.ops.plugins.module_utils.secretstore.store import Store
from ansible_runs import AnsibleRuns

from ..free_ports import free_port
from ..roles.test_nginx_templates import OLD, render

NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
SERVICE = """
import asyncio, logging, socket, sys
from pathlib import Path
from ansible_collections.latentum.ops.plugins.module_utils.authentication.daemon import run
from ansible_collections.latentum.ops.plugins.module_utils.authentication.judge import Judge

logging.basicConfig(level=logging.INFO)
listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
listening.bind(sys.argv[1])
listening.listen(64)
asyncio.run(run(Judge(Path(sys.argv[2]), Path(sys.argv[3])), listening))
"""


@dataclass
class Answer:
    """What a client got; `seen` is the request as the service behind got it, empty when it got none."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes
    seen: dict[str, Any] = field(default_factory=dict)


class Echo(BaseHTTPRequestHandler):
    """A service that answers with the request that it got."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.headers.get("Upgrade", "").lower() == "websocket":
            self.connection.sendall(
                b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
                + json.dumps({"user": self.headers.get("X-Authenticated-User")}).encode()
            )
            self.close_connection = True
            return
        length = int(self.headers.get("Content-Length") or 0)
        received = len(self.rfile.read(length)) if length else 0
        pairs = [[name.lower(), value] for name, value in self.headers.items()]
        body = json.dumps(
            {"path": self.path, "headers": dict(pairs), "pairs": pairs, "received": received, "method": self.command}
        ).encode()
        status = 401 if self.path.endswith("/own-401") else 200
        self.answer(status, {}, body)

    do_POST = do_PUT = do_DELETE = do_GET

    def answer(self, status: int, headers: Mapping[str, str], body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: Any) -> None:
        pass


class Decider(Echo):
    """An authentication service as Authelia and oauth2-proxy are: a cookie opens the door."""

    asked: list[dict[str, Any]]

    def do_GET(self) -> None:
        type(self).asked.append(
            {"path": self.path, "method": self.command, **{name.lower(): value for name, value in self.headers.items()}}
        )
        cookie = self.headers.get("Cookie", "")
        if "session=good" in cookie:
            self.answer(
                200,
                {
                    "Remote-User": "ada",
                    "Remote-Groups": "g" * 9000 if "large" in cookie else "admins",
                    "Set-Cookie": "session=good; Path=/; refreshed",
                },
            )
        elif "session=denied" in cookie:
            self.answer(403, {})
        else:
            self.answer(401, {"Set-Cookie": "asked=1; Path=/"})

    do_POST = do_PUT = do_DELETE = do_GET


@contextlib.contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    """A server on a port of loopback."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


@dataclass
class Site:
    """nginx and what belongs to it."""

    folder: Path
    port: int
    stack: dict[str, Any]
    authority: pki.Authority
    process: subprocess.Popen[bytes] | None = None

    @property
    def authentication(self) -> Path:
        return self.folder / "authentication"

    def write_files(self, stack: Mapping[str, Any] | None = None) -> host_files.Outcome:
        """Secrets and files of authentication, as role secrets and module route_authentication bring them about."""
        declared = dict(stack or self.stack)
        assert not problems(declared), problems(declared)
        declaration = load(declared)
        store = Store("acme", self.folder / "secrets")
        with store.locked():
            store.ensure(secret_entries(declaration))
        policies = host_files.policies_from(route_authentication(declaration))
        return host_files.ensure(
            policies, ["acme"], host_files.Readers(os.getgid(), os.getgid()), folder=self.authentication, secrets=self.folder / "secrets"
        )

    def secret(self, name: str) -> str:
        value = Store("acme", self.folder / "secrets").value(name)
        assert value
        return value

    def ask(
        self,
        host: str,
        path: str = "/",
        headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        *,
        method: str = "GET",
        body: bytes | None = None,
        pieces: bytes | None = None,
        certificate: Path | None = None,
    ) -> Answer:
        """One request on a connection of its own.

        :param pieces: its body as it is sent in pieces (chunked).
        """
        context = ssl.create_default_context(cafile=str(self.authority.file))
        if certificate:
            context.load_cert_chain(certificate)
        raw = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        connection = http.client.HTTPConnection(host)
        connection.sock = context.wrap_socket(raw, server_hostname=host)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            connection.putheader("Host", host)
            for name, value in headers.items() if isinstance(headers, Mapping) else headers:
                connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body if pieces is None else pieces)
            response = connection.getresponse()
            if response.status == 101:
                return Answer(101, response.headers, connection.sock.recv(4096))
            content = response.read()
        finally:
            connection.close()
        answer = Answer(response.status, response.headers, content)
        with contextlib.suppress(ValueError):
            shown = json.loads(content)
            answer.seen = shown if isinstance(shown, dict) and "pairs" in shown else {}
        return answer

    def log(self, path: str) -> dict[str, Any]:
        """The last line of the access log for a path; the log is written a moment later."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            lines = [json.loads(line) for line in (self.folder / "log/access.json").read_text().splitlines()]
            if matching := [line for line in lines if line["path"] == path]:
                line: dict[str, Any] = matching[-1]
                return line
            time.sleep(0.02)
        raise AssertionError(f"nothing was logged for {path}")

    def reload(self) -> None:
        """As systemd does it; returns when the old workers are gone."""
        assert NGINX and self.process
        subprocess.run([NGINX, "-t", "-q", "-c", self.folder / "nginx/nginx.conf", "-p", self.folder], check=True)
        before = self.workers()
        subprocess.run([NGINX, "-s", "reload", "-c", self.folder / "nginx/nginx.conf", "-p", self.folder], check=True)
        deadline = time.monotonic() + 20
        while before & self.workers() and time.monotonic() < deadline:
            time.sleep(0.05)

    def workers(self) -> set[str]:
        assert self.process
        return set(Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split())


@contextlib.contextmanager
def running(
    stack: dict[str, Any], ansible: AnsibleRuns, folder: Path, authority: pki.Authority, services: Mapping[str, int]
) -> Iterator[Site]:
    """nginx and the service, with the sites of a declaration.

    :param services: port on loopback of each upstream.
    """
    assert NGINX
    port = free_port()
    site = Site(folder, port, stack, authority)
    declaration = load(stack)
    rendering = folder / "rendering"
    rendering.mkdir()
    temporary = [f"{kind}_temp_path {folder}/temp/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")]
    given = {
        "__nginx_found": {"nginx": {**OLD, "post_quantum": False, "ipv6": False}},
        "nginx_sites": nginx_sites(declaration),
        "nginx_upstreams": nginx_upstreams(declaration),
        "nginx_upstreams_name": "acme",
        "nginx_brotli": False,
        "nginx_status_address": "",
        "nginx_http_directives": temporary,
        "nginx_worker_processes": 1,
        "nginx_open_files": 1024,
        "nginx_worker_connections": 256,
    }
    for path, content in render({"site": given}, ansible, rendering)["site"].items():
        if path.startswith("/etc/nginx/") and content:
            file = folder / "nginx" / path.removeprefix("/etc/nginx/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(moved(content, folder, port))
    (folder / "nginx/mime.types").write_text("types { text/html html; }\n")
    (folder / "nginx/upstreams.d").mkdir(exist_ok=True)
    for name, behind in services.items():
        (folder / f"nginx/upstreams.d/{name}.conf").write_text(f"upstream {name} {{ server 127.0.0.1:{behind}; }}\n")
    for name in ("log", "temp", "cache"):
        (folder / name).mkdir()
    for name in {one["certificate"] for one in nginx_sites(declaration)}:
        target = folder / "tls" / name
        target.mkdir(parents=True)
        authority.server(name, target)
    site.write_files()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
    arguments = [str(folder / "auth.sock"), str(site.authentication), str(folder / "cache")]
    with subprocess.Popen([sys.executable, "-c", SERVICE, *arguments], env=environment) as service:
        try:
            wait((folder / "auth.sock").exists)
            command = [NGINX, "-c", str(folder / "nginx/nginx.conf"), "-p", str(folder), "-g", "daemon off;"]
            with subprocess.Popen(command) as site.process:
                try:
                    wait(lambda: listens(port))
                    yield site
                finally:
                    site.process.terminate()
        finally:
            service.terminate()


def moved(content: str, folder: Path, port: int) -> str:
    """The content of a file with paths of the folder, and without what only root may do."""
    for before, after in {
        "/etc/nginx/": f"{folder}/nginx/",
        "/etc/latentum-ops/tls/": f"{folder}/tls/",
        "/etc/latentum-ops/authentication/": f"{folder}/authentication/",
        "/run/latentum-ops-auth.sock": f"{folder}/auth.sock",
        "/var/log/nginx/": f"{folder}/log/",
        "/run/nginx.pid": f"{folder}/nginx.pid",
        " flush=1s": " flush=20ms",  # lines of the access log, which tests wait for
    }.items():
        content = content.replace(before, after)
    content = re.sub(r"^user .*;$", "user root;" if os.geteuid() == 0 else "", content, flags=re.MULTILINE)
    content = re.sub(r"listen 443 ", f"listen 127.0.0.1:{port} ", content)
    content = re.sub(r"listen 80\b([^;]*);", f"listen unix:{folder}/plain.sock\\1;", content)
    return re.sub(r"listen 127\.8\.0\.3:\d+;", f"listen unix:{folder}/maintenance.sock;", content)


def listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def wait(condition: Any, seconds: float = 30) -> None:
    """Until something is so."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)
