# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A registry in a thread, with TLS by an authority of its own: what the client and the preflight are tested against."""

from __future__ import annotations

import datetime
import ipaddress
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from unittest import mock

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NAME = "registry.test"
LIST = "application/vnd.docker.distribution.manifest.list.v2+json"


@dataclass
class FakeRegistry:
    """Repositories with tags and the user of their image, and who may have them.

    :param images: ``repository:tag`` to user.
    :param login: the authorization that is asked for, ``Basic`` or ``Bearer``; nothing for everybody.
    :param broken: a status for every request.
    """

    images: dict[str, str] = field(default_factory=dict)
    login: str = ""
    broken: int = 0
    asked: list[str] = field(default_factory=list)
    port: int = 0
    authority: str = ""

    @property
    def name(self) -> str:
        """As it stands in a reference."""
        return f"{NAME}:{self.port}"


def _certificate(folder: Path) -> tuple[Path, str]:
    """A file with key and certificate for the registry, and the authority that signed it (itself), PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test registry")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(NAME), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    authority = made.public_bytes(serialization.Encoding.PEM).decode()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file = folder / "registry.pem"
    file.write_text(private.decode() + authority)
    return file, authority


class _Handler(BaseHTTPRequestHandler):
    registry: FakeRegistry

    def log_message(self, format: str, *args: Any) -> None:  # its name in the standard library
        """Says nothing."""

    def _answer(self, status: int, document: Any, **headers: str) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self) -> None:
        """Token, manifests and configs."""
        registry, given = self.registry, self.headers.get("Authorization", "")
        registry.asked.append(self.path)
        if registry.broken:
            self._answer(registry.broken, {})
        elif self.path.startswith("/token?"):
            self._answer(200, {"token": "t0ken"}) if given.startswith("Basic ") else self._answer(401, {})
        elif registry.login and not given.startswith(registry.login):
            realm = f'Bearer realm="https://{registry.name}/token",service="test",scope="repository:x:pull"'
            self._answer(401, {}, WWW_Authenticate=realm if registry.login == "Bearer" else 'Basic realm="test"')
        else:
            self._document()

    do_HEAD = do_GET

    def _document(self) -> None:
        repository, kind, version = self.path.removeprefix("/v2/").rsplit("/", 2)
        image = f"{repository}:{version}" if kind == "manifests" else version
        if kind == "blobs":
            self._answer(200, {"config": {"User": version.removeprefix("user-")}})
        elif version.startswith("user-"):
            self._answer(200, {"config": {"digest": version}})
        elif image not in self.registry.images:
            self._answer(404, {"errors": [{"code": "MANIFEST_UNKNOWN"}]})
        else:
            entry = {"digest": f"user-{self.registry.images[image]}", "platform": {"architecture": "amd64"}}
            self._answer(200, {"mediaType": LIST, "manifests": [entry]})


def _resolved(host: Any, port: Any, *rest: Any, **more: Any) -> Any:
    """The name of the registry is this machine's loopback."""
    return _GETADDRINFO("127.0.0.1" if host == NAME else host, port, *rest, **more)


_GETADDRINFO = socket.getaddrinfo


@contextmanager
def serving(registry: FakeRegistry, folder: Path, *, tls: bool = True) -> Iterator[FakeRegistry]:
    """It answers on a port of loopback."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"registry": registry}))
    registry.port = server.server_address[1]
    if tls:
        file, registry.authority = _certificate(folder)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        with mock.patch("socket.getaddrinfo", _resolved):
            yield registry
    finally:
        server.shutdown()
        server.server_close()
