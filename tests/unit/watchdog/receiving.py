# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of alerts share: notices, routes, and real receivers (tests/receivers) in threads."""

from __future__ import annotations

import datetime
import ssl
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.alerting.delivery import Summary, deliver
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.alerting.routes import Alerts, Route, alerts_from
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.alerting.spool import Spool
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.incidents import Incident
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.receivers import transport
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "receivers"))

import formats
import receivers

from ..free_ports import free_port

pagerduty_problems, slack_problems = formats.pagerduty_problems, formats.slack_problems
Http, Shelf, http_server, tls_context = receivers.Http, receivers.Shelf, receivers.http_server, receivers.tls_context

LOGIN = "ops:hush hush"
KEY = "0123456789abcdef0123456789abcdef"
NOON = 1_700_000_000.0


def an_incident(service: str = "api-gateway", *, stack: str = "latentum", began: float = NOON, **changed: Any) -> Incident:
    """One that fails since `began`."""
    key, severity, cause = f"{stack or 'host'}/{service}", changed.pop("severity", "critical"), changed.pop("cause", "it does not answer")
    return Incident(key, stack, service, severity, cause, began, began + 2, **changed)


def a_notice(what: str, incident: Incident, at: float | None = None, **changed: Any) -> dict[str, Any]:
    """As the daemon makes it."""
    told = incident.opened if what == "open" else incident.ended if what == "end" else None
    base = {"what": what, "host": "web-1", "at": at or told or incident.opened + 60, "incident": incident.as_dict(), "runbook": ""}
    return base | changed


def ended(incident: Incident, after: float = 120.0) -> Incident:
    """The same, over."""
    return Incident(**{**vars(incident), "ended": incident.began + after})


def alerts(*routes: dict[str, Any], stack: str = "latentum") -> Alerts:
    """Of one stack; each is named after its kind where nothing else is said."""
    return alerts_from(
        [{"stack": stack, "alerts": [{"name": one["kind"], "severities": ["critical", "warning"], **one} for one in routes]}]
    )


class Clock:
    """A clock that only goes on when it is told to."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


@dataclass
class Receiving:
    """Receivers that run, and the secrets by which they are reached."""

    shelf: receivers.Shelf
    folder: Path
    http: int
    smtp: int
    smtps: int
    ca: Path

    def secret(self, name: str, value: str) -> str:
        """The path of a file with a secret."""
        path = self.folder / name
        path.write_text(value + "\n")
        return str(path)

    def slack(self, **changed: Any) -> dict[str, Any]:
        """A route to Slack."""
        return {"kind": "slack", "url_file": self.secret("slack", f"http://127.0.0.1:{self.http}/slack/T0/B0/hidden"), **changed}

    def pagerduty(self, **changed: Any) -> dict[str, Any]:
        """A route to PagerDuty."""
        return {"kind": "pagerduty", "url": f"http://127.0.0.1:{self.http}/pagerduty", "key_file": self.secret("pager", KEY), **changed}

    def email(self, **changed: Any) -> dict[str, Any]:
        """A route by mail: STARTTLS and a login."""
        user, _colon, password = LOGIN.partition(":")
        given = {"server": "localhost", "port": self.smtp, "tls": "starttls", "user": user, "password_file": self.secret("mail", password)}
        return {"kind": "email", "from": "Ops <ops@example.com>", "to": ["anna@example.com", "bert@example.com"], **given, **changed}

    def order(self, name: str, words: str | None) -> None:
        """Tell the receivers to refuse, or no more to."""
        if words is None:
            (self.shelf.folder / name).unlink()
        else:
            (self.shelf.folder / name).write_text(words)

    def kept(self, kind: str) -> list[dict[str, Any]]:
        """What came; every one of them as the published formats ask for."""
        found = self.shelf.kept(kind)
        assert [one["problems"] for one in found if one.get("problems")] == []
        return found


def certificate(folder: Path) -> tuple[Path, Path]:
    """A throw-away certificate for localhost, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return folder / "cert.pem", folder / "key.pem"


def mail_server(shelf: Shelf, context: ssl.SSLContext, *, implicit: bool = False, tries: int = 5) -> Controller:
    """A receiver of mail on a free port: another program may take that first."""
    try:
        return receivers.mail_server(shelf, "localhost", free_port(), context, LOGIN, implicit=implicit)
    except OSError:
        if tries == 1:
            raise
        return mail_server(shelf, context, implicit=implicit, tries=tries - 1)


@contextmanager
def running(folder: Path) -> Iterator[Receiving]:
    """All receivers, for as long as this lasts."""
    (folder / "received").mkdir()
    ca, key = certificate(folder)
    shelf, context = Shelf(folder / "received"), tls_context(str(ca), str(key))
    http = http_server(shelf, "127.0.0.1", 0)
    servers = [mail_server(shelf, context), mail_server(shelf, context, implicit=True)]
    try:
        yield Receiving(shelf, folder, http.server_port, servers[0].port, servers[1].port, ca)
    finally:
        http.shutdown()
        http.server_close()
        for server in servers:
            server.stop()


@pytest.fixture
def receiving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiving]:
    """The receivers, trusted by this host."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    with running(tmp_path) as found:
        monkeypatch.setattr(transport, "SYSTEM_CA", found.ca)
        yield found


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    """An empty one."""
    return Spool(tmp_path / "spool", tmp_path / "run" / "spool")


def tell(spool: Spool, to: Alerts, notices: Sequence[dict[str, Any]]) -> None:
    """Spool these for everybody."""
    for one in notices:
        spool.tell(one, to.routes)


def delivered(spool: Spool, to: Alerts, clock: Clock | None = None) -> Summary:
    """One run of the deliverer."""
    return deliver(spool, to, clock=clock or Clock())


def story(service: str = "api-gateway", **changed: Any) -> list[dict[str, Any]]:
    """An incident that opened and ended just now."""
    one = an_incident(service, began=time.time() - 130, **changed)
    return [a_notice("open", one), a_notice("end", ended(one))]


def opened(count: int) -> list[dict[str, Any]]:
    """So many incidents that opened just now."""
    return [a_notice("open", an_incident(f"service-{number}", began=time.time())) for number in range(count)]


def headers_of(receiving: Receiving) -> list[dict[str, str]]:
    """Of all mails that came."""
    return [mail["headers"] for mail in receiving.kept("mail")]


def only(to: Alerts) -> Route:
    """Its one route."""
    (route,) = to.routes.values()
    return route
