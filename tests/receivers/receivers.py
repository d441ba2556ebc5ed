# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Receivers of alerts for tests: Slack, PagerDuty, a dead man's switch and anything by HTTP(S), and mail by SMTP. See README.md."""

from __future__ import annotations

import argparse
import json
import signal
import ssl
import threading
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from formats import mail_problems, pagerduty_problems, read_mail, slack_problems

LARGEST = 1 << 20  # octets of a body
HEADERS = ("From", "To", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "Importance")


@dataclass
class Shelf:
    """What came, one file a kind with one JSON object a line; and what to refuse."""

    folder: Path
    lock: threading.Lock = field(default_factory=threading.Lock)

    def keep(self, kind: str, record: Mapping[str, Any]) -> None:
        """Write it down, with the time."""
        line = json.dumps({"time": time.time(), "kind": kind, **record})
        with self.lock, (self.folder / f"{kind}.jsonl").open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def kept(self, kind: str) -> list[dict[str, Any]]:
        """What came of one kind, oldest first."""
        path = self.folder / f"{kind}.jsonl"
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []

    def order(self, name: str) -> list[str] | None:
        """The words in one of the files that say what to refuse; None when there is none."""
        try:
            return (self.folder / name).read_text(encoding="utf-8").split()
        except FileNotFoundError:
            return None


class Http(BaseHTTPRequestHandler):
    """Answers as the real receivers do: Slack `ok`, PagerDuty 202; 400 to what they would not take."""

    shelf: ClassVar[Shelf]

    def do_GET(self) -> None:
        """A dead man's switch is often asked by GET."""
        self._take(b"")

    def do_HEAD(self) -> None:
        """And by HEAD."""
        self._take(b"")

    def do_POST(self) -> None:
        """A message."""
        self._take(self.rfile.read(min(LARGEST, int(self.headers.get("Content-Length") or 0))))

    def _take(self, octets: bytes) -> None:
        kind = self.path.strip("/").partition("/")[0].partition("?")[0] or "any"
        kind = kind if kind in {"slack", "pagerduty", "deadman"} else "any"
        if self.shelf.order("down") is not None:
            return self._refuse(kind, 503, "")
        if words := self.shelf.order("refuse-http"):
            return self._refuse(kind, int(words[0]), words[1] if len(words) > 1 else "")
        try:
            body = json.loads(octets) if octets else None
        except ValueError:
            body = octets.decode(errors="replace")
        problems = {"slack": slack_problems, "pagerduty": pagerduty_problems}.get(kind, lambda _body: [])(body)
        if kind in {"slack", "pagerduty"} and not self.headers.get("Content-Type", "").startswith("application/json"):
            problems.append("Content-Type: not application/json")
        record = {"method": self.command, "path": self.path, "tls": isinstance(self.connection, ssl.SSLSocket), "body": body}
        self.shelf.keep(kind, {**record, "problems": problems})
        if kind == "pagerduty":
            said: dict[str, Any] = {"status": "invalid event", "message": "Event object is invalid", "errors": problems}
            if not problems and isinstance(body, dict):
                said = {"status": "success", "message": "Event processed", "dedup_key": body["dedup_key"]}
            return self._answer(400 if problems else 202, json.dumps(said), "application/json")
        return self._answer(400 if problems else 200, "invalid_blocks" if problems else "ok", "text/plain")

    def _refuse(self, kind: str, status: int, after: str) -> None:
        self.shelf.keep("refused", {"of": kind, "path": self.path, "status": status})
        self._answer(status, "refused by the test", "text/plain", {"Retry-After": after} if after else {})

    def _answer(self, status: int, text: str, media: str, headers: Mapping[str, str] | None = None) -> None:
        octets = text.encode()
        self.send_response(status)
        for name, value in {"Content-Type": media, "Content-Length": str(len(octets)), "Connection": "close", **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(octets)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: what came is on the shelf."""


class Mail:
    """Takes mail, unless it is to be refused. The names of its methods are aiosmtpd's."""

    def __init__(self, shelf: Shelf, *, implicit: bool = False) -> None:
        self.shelf, self.implicit = shelf, implicit

    async def handle_MAIL(self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]) -> str:
        """451 while all is down."""
        if self.shelf.order("down") is not None:
            self.shelf.keep("refused", {"of": "mail", "status": 451})
            return "451 4.3.0 refused by the test, try again"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]) -> str:
        """`refuse-smtp` with `CODE ADDRESS …` refuses these receivers."""
        code, *addresses = self.shelf.order("refuse-smtp") or [""]
        if code and address in addresses:
            self.shelf.keep("refused", {"of": "mail", "status": int(code), "to": address})
            return f"{code} refused by the test"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:
        """`refuse-smtp` with `CODE` alone refuses every mail."""
        code, *addresses = self.shelf.order("refuse-smtp") or [""]
        if code and not addresses:
            self.shelf.keep("refused", {"of": "mail", "status": int(code)})
            return f"{code} refused by the test"
        octets = envelope.original_content or b""
        mail = read_mail(octets)
        parts = {part.get_content_type(): part.get_content() for part in mail.walk() if not part.is_multipart()}
        headers = {name: str(mail[name]) for name in HEADERS if name in mail}
        self.shelf.keep(
            "mail",
            {
                "sender": envelope.mail_from,
                "receivers": envelope.rcpt_tos,
                "tls": self.implicit or session.ssl is not None,
                "user": str(getattr(session.auth_data, "login", b""), "ascii") if session.auth_data else "",
                "headers": headers,
                "text": parts.get("text/plain", ""),
                "html": parts.get("text/html", ""),
                "problems": mail_problems(octets),
            },
        )
        return "250 OK"


def tls_context(certificate: str, key: str) -> ssl.SSLContext:
    """For a server with this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def http_server(shelf: Shelf, host: str, port: int, context: ssl.SSLContext | None = None) -> ThreadingHTTPServer:
    """Listening and serving in a thread; its port is `server_port`."""
    handler = type("Handler", (Http,), {"shelf": shelf, "timeout": 30})
    server = ThreadingHTTPServer((host, port), handler)
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    return server


def mail_server(
    shelf: Shelf, host: str, port: int, context: ssl.SSLContext | None = None, login: str = "", *, implicit: bool = False
) -> Controller:
    """Started; with a context it offers STARTTLS, or speaks TLS from the first octet (`implicit`).

    :param login: ``USER:PASSWORD`` that every client has to give; empty for none.
    """

    def authenticate(_server: SMTP, _session: Session, _envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        good = isinstance(data, LoginPassword) and f"{data.login.decode()}:{data.password.decode()}" == login
        return AuthResult(success=good, handled=good or mechanism not in {"LOGIN", "PLAIN"}, auth_data=data)

    # aiosmtpd does not count TLS from the first octet as TLS.
    warnings.filterwarnings("ignore", message="Requiring AUTH while not requiring TLS")
    options: dict[str, Any] = {"ssl_context": context} if implicit else {"tls_context": context}
    if login:
        # Its LOGIN asks in words of its own, which Alertmanager does not answer; PLAIN is one for all.
        options["auth_exclude_mechanism"] = ["LOGIN"]
        options |= {"authenticator": authenticate, "auth_required": True, "auth_require_tls": context is not None and not implicit}
    server = Controller(Mail(shelf, implicit=implicit), hostname=host, port=port, ident="test receiver", **options)
    server.start()
    return server


def main() -> int:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where messages are kept and orders are found")
    parser.add_argument("--host", default="0.0.0.0", help="address to listen on")
    for name in ("http", "https", "smtp", "smtps"):
        parser.add_argument(f"--{name}", type=int, metavar="PORT", default=0)
    parser.add_argument("--cert", default="", help="certificate for HTTPS, SMTPS, and STARTTLS")
    parser.add_argument("--key", default="", help="its key")
    parser.add_argument("--login", default="", metavar="USER:PASSWORD", help="that mail clients have to give")
    options = parser.parse_args()
    if (options.https or options.smtps) and not options.cert:
        parser.error("--https and --smtps need --cert and --key")
    options.folder.mkdir(parents=True, exist_ok=True)
    shelf, context = Shelf(options.folder), tls_context(options.cert, options.key) if options.cert else None
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_arguments: stop.set())
    if options.http:
        http_server(shelf, options.host, options.http)
    if options.https:
        http_server(shelf, options.host, options.https, context)
    if options.smtp:
        mail_server(shelf, options.host, options.smtp, context, options.login)
    if options.smtps:
        mail_server(shelf, options.host, options.smtps, context, options.login, implicit=True)
    print("ready", flush=True)
    stop.wait()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
