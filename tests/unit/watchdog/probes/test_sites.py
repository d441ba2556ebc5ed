# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sites as a client sees them: real TLS, with certificates of known expiry."""

from __future__ import annotations

import datetime
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.watchdog_settings import SiteSpec
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.probes import sites as site_probes
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.probes.sites import SiteReading, read
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from .. import samples
from ..receiving import free_port
from ..samples import Clock

clock = samples.clock

SOON = datetime.datetime(2031, 2, 3, 4, 5, 6, tzinfo=UTC)


class Answers(BaseHTTPRequestHandler):
    """The status that the path asks for; nothing at all, or nothing for long, where it asks for that."""

    server: Tls

    def do_GET(self) -> None:
        self.server.seen.append(f"{self.headers['Host']}{self.path}")
        wish = self.path.strip("/")
        if wish == "silent":
            return
        if wish == "slow":
            self.server.released.wait(30)
            return
        if wish == "garbage":
            self.wfile.write(b"SSH-2.0-OpenSSH_10.0\r\n")
            return
        self.send_response(int(wish or 200))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_given: object) -> None:
        pass


class Tls(ThreadingHTTPServer):
    """A server that ends TLS, as nginx does."""

    daemon_threads = True

    def __init__(self, folder: Path, expires: datetime.datetime) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.seen: list[str] = []
        self.asked_for: list[str | None] = []
        self.released = threading.Event()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*issued(folder, expires))
        context.sni_callback = lambda _channel, name, _context: self.asked_for.append(name)
        self.socket = context.wrap_socket(self.socket, server_side=True)

    def handle_error(self, *_given: object) -> None:
        pass  # a client that went away


def issued(folder: Path, expires: datetime.datetime) -> tuple[Path, Path]:
    """A certificate of nobody's authority, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "somebody else")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.datetime(1999, 1, 1, tzinfo=UTC))
        .not_valid_after(expires)
        .sign(key, hashes.SHA256())
    )
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(key.private_bytes(*form))
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return folder / "cert.pem", folder / "key.pem"


@contextmanager
def serving(folder: Path, expires: datetime.datetime = SOON) -> Iterator[Tls]:
    """A server in a thread."""
    server = Tls(folder, expires)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield server
    finally:
        server.released.set()
        server.shutdown()
        server.server_close()


@pytest.fixture
def tls(tmp_path: Path) -> Iterator[Tls]:
    with serving(tmp_path) as server:
        yield server


def asked(server: Tls, path: str, timeout: float = 5) -> SiteReading:
    return read(SiteSpec("shop.example.com", path, timeout=timeout), server.server_port)


@pytest.mark.parametrize("status", [200, 204, 302, 401, 404, 499])
def test_an_answer_below_500_is_well(status: int, tls: Tls) -> None:
    found = asked(tls, f"/{status}")
    assert (found.ok, found.reason, found.expires) == (True, "", SOON.timestamp()) and found.latency > 0
    assert (tls.seen, tls.asked_for) == ([f"shop.example.com/{status}"], ["shop.example.com"])


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_500_and_more_is_an_outage(status: int, tls: Tls) -> None:
    found = asked(tls, f"/{status}")
    assert (found.ok, found.reason) == (False, f"https://shop.example.com/{status} answered {status}")
    assert found.expires == SOON.timestamp()


@pytest.mark.parametrize("path", ["/silent", "/garbage"])
def test_what_is_no_answer_is_an_outage_and_the_certificate_is_known_all_the_same(path: str, tls: Tls) -> None:
    found = asked(tls, path)
    assert not found.ok and found.reason.startswith(f"https://shop.example.com{path}: ") and found.expires == SOON.timestamp()


def test_who_takes_too_long_does_not_answer(tls: Tls) -> None:
    found = asked(tls, "/slow", timeout=0.2)
    assert not found.ok and "timed out" in found.reason and found.expires == SOON.timestamp()


def test_nobody_listens() -> None:
    found = read(SiteSpec("shop.example.com"), free_port())
    assert not found.ok and "refused" in found.reason and (found.expires, found.days_left()) == (None, None)


def test_a_server_without_tls() -> None:
    with socket.create_server(("127.0.0.1", 0)) as plain:

        def answer() -> None:
            channel, _peer = plain.accept()
            channel.sendall(b"HTTP/1.1 400 Fault Request\r\n\r\n")
            channel.close()

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        found = read(SiteSpec("shop.example.com", timeout=5), plain.getsockname()[1])
        thread.join(5)
    assert not found.ok and found.expires is None


@pytest.mark.parametrize(
    "expires",
    [
        datetime.datetime(2000, 1, 1, tzinfo=UTC),  # long expired
        datetime.datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC),  # the last UTCTime
        datetime.datetime(2050, 1, 1, tzinfo=UTC),  # the first GeneralizedTime
        datetime.datetime(2051, 6, 7, 8, 9, 10, tzinfo=UTC),
        datetime.datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),  # "no end" (RFC 5280, 4.1.2.5)
    ],
)
def test_the_expiry_is_read_from_the_certificate_that_is_served(expires: datetime.datetime, tmp_path: Path) -> None:
    with serving(tmp_path, expires) as server:
        found = asked(server, "/")
    assert found.ok and found.expires == expires.timestamp()


def test_days_that_are_left_are_whole_ones(clock: Clock) -> None:
    for seconds, days in ((86400, 1), (86399, 0), (0, 0), (-1, -1), (10 * 86400 + 1, 10)):
        assert SiteReading(True, expires=clock.wall + seconds).days_left() == days


@pytest.mark.parametrize("der", [b"", b"\x30", b"\x30\x03\x30\x01\xa0", b"\x30\x82\xff\xff", b"not a certificate at all"])
def test_what_is_no_certificate_has_no_expiry(der: bytes) -> None:
    assert site_probes._expiry(der) is None
