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
from contextlib import contextmanager, suppress
from datetime import UTC
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.watchdog_settings import FrontSpec, SiteSpec
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.probes import sites as site_probes
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.probes.sites import SiteReading, read
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ...free_ports import free_port
from .. import samples
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
    return read(SiteSpec("shop.example.com", path, timeout=timeout), FrontSpec(port=server.server_port))


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
    found = read(SiteSpec("shop.example.com"), FrontSpec(port=free_port()))
    assert not found.ok and "refused" in found.reason and (found.expires, found.days_left()) == (None, None)


def test_a_server_without_tls() -> None:
    with socket.create_server(("127.0.0.1", 0)) as plain:

        def answer() -> None:
            channel, _peer = plain.accept()
            channel.sendall(b"HTTP/1.1 400 Fault Request\r\n\r\n")
            channel.close()

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        found = read(SiteSpec("shop.example.com", timeout=5), FrontSpec(port=plain.getsockname()[1]))
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


@contextmanager
def plainly(answer: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """A server without TLS: its port, and all that came in one connection up to the end of the request."""
    came: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            channel, _peer = listening.accept()
            with channel:
                while b"\r\n\r\n" not in b"".join(came) and (part := channel.recv(4096)):
                    came.append(part)
                channel.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1], came
        thread.join(5)


@pytest.mark.parametrize(("status", "ok"), [(200, True), (308, True), (403, True), (503, False)])
def test_behind_a_proxy_in_front_nginx_is_asked_without_tls(status: int, ok: bool) -> None:
    with plainly(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n".encode()) as (port, came):
        found = read(SiteSpec("shop.example.com", "/up", timeout=5), FrontSpec(port=port, tls=False))
    assert (found.ok, found.expires, found.days_left()) == (ok, None, None)
    assert found.reason == ("" if ok else "https://shop.example.com/up answered 503")
    lines = b"".join(came).decode().split("\r\n")
    assert lines[0] == "GET /up HTTP/1.1" and "Host: shop.example.com" in lines
    assert not [line for line in lines if line.lower().startswith("x-forwarded")]  # nothing that nginx should not believe of this host


def test_a_proxy_line_comes_first_where_nginx_wants_one() -> None:
    """Without it nginx ends the connection: "broken header" in its log, and an outage that is none."""
    with plainly(b"HTTP/1.1 204 X\r\n\r\n") as (port, came):
        found = read(SiteSpec("shop.example.com", timeout=5), FrontSpec(port=port, tls=False, proxy_protocol=True))
    assert found.ok, found
    line, request, *_headers = b"".join(came).decode().split("\r\n")
    words = line.split(" ")
    assert words[:4] == ["PROXY", "TCP4", "127.0.0.1", "127.0.0.1"] and words[4].isdigit() and words[5:] == ["443"]
    assert request == "GET / HTTP/1.1"


def test_the_line_comes_before_tls(tmp_path: Path) -> None:
    """nginx reads it before the handshake: whoever begins with the handshake is refused."""
    with serving(tmp_path) as server, socket.create_server(("127.0.0.1", 0)) as listening:
        lines: list[bytes] = []

        def strip() -> None:
            channel, _peer = listening.accept()
            while not lines or not lines[-1].endswith(b"\n"):
                lines.append((lines.pop() if lines else b"") + channel.recv(1))
            with socket.create_connection(("127.0.0.1", server.server_port)) as beyond:
                copying = threading.Thread(target=copy, args=(beyond, channel), daemon=True)
                copying.start()
                copy(channel, beyond)
                copying.join(5)
            channel.close()

        def copy(one: socket.socket, other: socket.socket) -> None:
            while data := one.recv(4096):
                other.sendall(data)
            with suppress(OSError):
                other.shutdown(socket.SHUT_WR)

        threading.Thread(target=strip, daemon=True).start()
        front = FrontSpec(port=listening.getsockname()[1], proxy_protocol=True)
        found = read(SiteSpec("shop.example.com", timeout=5), front)
    assert found.ok and found.expires == SOON.timestamp() and lines[0].startswith(b"PROXY TCP4 ")


def test_by_ipv6_the_line_says_so() -> None:
    with (
        socket.create_server(("::1", 0), family=socket.AF_INET6) as listening,
        socket.create_connection(listening.getsockname()[:2]) as one,
    ):
        assert site_probes._proxy_line(one).startswith(b"PROXY TCP6 ::1 ::1 ")
