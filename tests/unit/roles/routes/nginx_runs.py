# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real nginx with the files that role nginx renders, on ports of loopback; and a service behind it that says what it was asked.

Needs an nginx on this machine, or the path of one in C(LATENTUM_TEST_NGINX).
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
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.upstreams import upstreams_from
from ansible_collections.latentum.ops.plugins.module_utils.nginx import sync
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ...free_ports import free_ports

NGINX = os.environ.get("LATENTUM_TEST_NGINX") or shutil.which("nginx") or ""
# Debian's is a module of its own (libnginx-mod-stream).
STREAM_MODULE = Path(os.environ.get("LATENTUM_TEST_NGINX_MODULES") or "/usr/lib/nginx/modules") / "ngx_stream_module.so"


def _with_streams() -> bool:
    built = subprocess.run([NGINX, "-V"], capture_output=True, text=True, check=False).stderr if NGINX else ""
    return STREAM_MODULE.is_file() if "--with-stream=dynamic" in built else "--with-stream" in built


STREAMS_THERE = _with_streams()
STATIC = "/var/lib/latentum-ops/static/"  # files of images
needs_nginx = pytest.mark.skipif(not NGINX, reason="no nginx on this machine (LATENTUM_TEST_NGINX names one)")
TYPES = "types { text/html html; text/css css; application/javascript js; }\n"
DEADLINE = 60.0  # also on a machine that does much else
ANY_CERTIFICATE = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
ANY_CERTIFICATE.check_hostname, ANY_CERTIFICATE.verify_mode = False, ssl.CERT_NONE


@dataclass
class Answer:
    """What came back; names of headers in lower case."""

    status: int
    headers: list[tuple[str, str]]
    body: str

    def __getitem__(self, name: str) -> str:
        """The one header of this name; empty where there is none."""
        values = self.every(name)
        assert len(values) <= 1, f"{name} is there more than once: {values}"
        return values[0] if values else ""

    def every(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name.lower()]

    @property
    def asked(self) -> dict[str, Any]:
        """What the service was asked."""
        asked: dict[str, Any] = json.loads(self.body)
        return asked


class Backend(Protocol):
    """What answers for a service."""

    @property
    def address(self) -> str:
        """Address and port."""


Reply = tuple[int, Mapping[str, str], str]


class Service:
    """An application: says what it was asked, or what a test has set for a path."""

    def __init__(self) -> None:
        self.replies: dict[str, Reply | Callable[[BaseHTTPRequestHandler], Reply]] = {}
        self.requests: list[str] = []
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length).decode()
                service.requests.append(f"{self.command} {self.path}")
                reply = service.replies.get(self.path.partition("?")[0])
                if reply is None:
                    asked = {"method": self.command, "path": self.path, "headers": [*self.headers.items()], "body": body}
                    reply = (200, {"Content-Type": "application/json"}, json.dumps(asked))
                status, headers, text = reply(self) if callable(reply) else reply
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                content = b"" if status == 204 else text.encode()  # which nginx would take for the next answer of this connection
                if status != 204:
                    self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)

            do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = do_PATCH = answer

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server.server_address[1]}"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def certificate(folder: Path, names: Sequence[str]) -> None:
    """A key and a certificate that it signed itself, as role certbot would leave them."""
    folder.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0])])
    now = datetime.now(timezone.utc)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "fullchain.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "privkey.pem").write_bytes(secret)


@dataclass
class Nginx:
    """A running nginx with the files of one variant.

    :param files: path to content, as the role renders them.
    """

    root: Path
    files: Mapping[str, str]
    ports: dict[str, int] = field(default_factory=lambda: free_ports("80", "443", "8081", "8503"))
    process: subprocess.Popen[bytes] | None = None

    def _local(self, text: str) -> str:
        for place in (
            "/etc/nginx/",
            "/etc/latentum-ops/",
            "/var/log/nginx/",
            "/var/lib/nginx/",
            "/var/cache/nginx/",
            "/run/nginx.pid",
            STATIC,
        ):
            text = text.replace(place, f"{self.root}{place}")
        if "proxy_connect_timeout 5s;\n    proxy_timeout" in text:  # a stream
            text = re.sub(r"listen (\[::\]:\d+[^;]*;\n\s*|(?=\d))", lambda match: "" if match[1] else "listen 127.0.0.1:", text)
        text = re.sub(r"listen (80|443)\b", lambda match: f"listen 127.0.0.1:{self.ports[match[1]]}", text)
        text = text.replace(" flush=1s", " flush=20ms")  # lines of the access log, which tests wait for
        text = text.replace("client_header_timeout 15s", "client_header_timeout 60s")  # a machine that does much else
        text = text.replace("127.0.0.1:8081", f"127.0.0.1:{self.ports['8081']}").replace(
            sync.MAINTENANCE, f"127.8.0.3:{self.ports['8503']}"
        )
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        paths = "".join(f"    {kind}_temp_path {self.root}/temporary/{kind};\n" for kind in kinds)
        return text.replace("http {\n", "http {\n" + paths, 1)

    def write(self, files: Mapping[str, str]) -> None:
        """Files as of a host, below the folder."""
        for path, content in files.items():
            if path.startswith("/etc/nginx/") and content:  # an entry without content is a folder
                place = self.root / path.lstrip("/")
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(self._local(content))
                for match in re.finditer(r"/tls/([^/;]+)/fullchain", content):
                    if not (self.root / "etc/latentum-ops/tls" / match[1]).is_dir():
                        certificate(self.root / "etc/latentum-ops/tls" / match[1], [match[1]])

    def check(self) -> str:
        """What `nginx -t` says against the files; empty when it takes them."""
        tested = subprocess.run([*self._command(), "-t", "-q"], capture_output=True, text=True, check=False)
        return "" if tested.returncode == 0 else tested.stderr

    def _command(self) -> list[str]:
        return [NGINX, "-c", f"{self.root}/etc/nginx/nginx.conf", "-e", f"{self.root}/var/log/nginx/error.log", "-p", str(self.root)]

    def start(self) -> None:
        for folder in ("temporary", "var/log/nginx", "var/lib/nginx", "var/cache/nginx", "run", "etc/nginx"):
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        for folder in (self.root, *self.root.parents):  # the workers are another user
            with contextlib.suppress(PermissionError):
                folder.chmod(folder.stat().st_mode | 0o011)
        (self.root / "etc/nginx/mime.types").write_text(TYPES)
        if STREAMS_THERE and STREAM_MODULE.is_file():
            (self.root / "etc/nginx/modules-enabled").mkdir()
            (self.root / "etc/nginx/modules-enabled/stream.conf").write_text(f"load_module {STREAM_MODULE};\n")
        self.write(self.files)
        assert not (problem := self.check()), problem
        self.process = subprocess.Popen([*self._command(), "-g", "daemon off;"])
        self._until_it_listens()

    def _until_it_listens(self) -> None:
        until = time.monotonic() + DEADLINE
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.ports["443"]), 1):
                return
            assert time.monotonic() < until and self.process and self.process.poll() is None, self.errors()
            time.sleep(0.02)

    def reload(self, *, wait: bool = True) -> None:
        """As the engine does it; returns when no old worker is left, or begins no other work."""
        assert not (problem := self.check()), problem
        before = self.workers()
        subprocess.run([*self._command(), "-s", "reload"], check=True)
        until = time.monotonic() + DEADLINE
        while before & self.workers() if wait else before == self.workers():
            assert time.monotonic() < until, "old workers stay"
            time.sleep(0.02)

    def workers(self) -> set[str]:
        assert self.process
        return set(Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split())

    def errors(self) -> str:
        log = self.root / "var/log/nginx/error.log"
        return log.read_text() if log.is_file() else ""

    def close(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait(DEADLINE)

    def ask(
        self, address: str, method: str = "GET", *, headers: Mapping[str, str] | Sequence[tuple[str, str]] = (), body: str | None = None
    ) -> Answer:
        """One request to `https://name/path` or `http://name/path`, on a connection of its own."""
        scheme, rest = address.split("://", 1)
        name, slash, path = rest.partition("/")
        connection = http.client.HTTPConnection("127.0.0.1", self.ports["443" if scheme == "https" else "80"], timeout=DEADLINE)
        connection.connect()
        if scheme == "https":
            connection.sock = ANY_CERTIFICATE.wrap_socket(connection.sock, server_hostname=name)
        connection.putrequest(method, f"{slash}{path}" or "/", skip_host=True, skip_accept_encoding=True)
        given = [*headers.items()] if isinstance(headers, Mapping) else [*headers]
        for key, value in [("Host", name), *given, *([("Content-Length", str(len(body)))] if body is not None else [])]:
            connection.putheader(key, value)
        connection.endheaders(body.encode() if body is not None else None)
        response = connection.getresponse()
        answer = Answer(response.status, [(key.lower(), value) for key, value in response.getheaders()], response.read().decode())
        connection.close()
        return answer


@contextlib.contextmanager
def running(
    files: Mapping[str, str], folder: Path, upstreams: Sequence[Mapping[str, Any]] = (), **services: Backend | Sequence[Backend]
) -> Iterator[Nginx]:
    """nginx with these files.

    :param upstreams: as filter nginx_upstreams derives them.
    :param services: what answers, by the name of the service.
    """
    nginx = Nginx(folder, {**files, **rendered_upstreams(upstreams, services)})
    try:
        nginx.start()
        yield nginx
    finally:
        nginx.close()


def rendered_upstreams(upstreams: Sequence[Mapping[str, Any]], services: Mapping[str, Backend | Sequence[Backend]]) -> dict[str, str]:
    """The files of upstreams as the engine writes them; of a service that is not there, for nobody."""
    files = {}
    for upstream in upstreams_from(list(upstreams)):
        there = services.get(upstream.service, ())
        addresses = [backend.address for backend in (there if isinstance(there, Sequence) else [there])]
        files[str(sync.path_of(upstream))] = sync.render(upstream, addresses)
    return files
