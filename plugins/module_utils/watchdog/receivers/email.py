# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mail by SMTP: verified TLS, one thread an incident, marked as written by a machine."""

from __future__ import annotations

import hashlib
import smtplib
import ssl
from collections.abc import Sequence
from contextlib import suppress
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, parseaddr
from ipaddress import ip_address

from ...core.masking import mask
from ..alerting.message import Message, text
from ..alerting.message_html import html
from ..alerting.routes import Route
from .transport import ANSWER, SendError, read_secret, trust


def send(route: Route, message: Message, plain: bool, left: Sequence[str]) -> None:
    """Give it to the server.

    :raises SendError: it was not accepted; its `left` names those whom the server refused while it took the others.
    """
    options = route.options
    receivers = [str(recipient) for recipient in options["to"]]
    hand_over(route, build(message, str(options["from"]), receivers, plain=plain), left)


def hand_over(route: Route, mail: EmailMessage, left: Sequence[str] = ()) -> None:
    """Give a mail, whatever is in it, to the server of a route.

    :param left: only to these of the route's receivers; empty for all.
    :raises SendError: as C(send) says.
    """
    options = route.options
    receivers = list(left) or [str(recipient) for recipient in options["to"]]
    where = f"{options['server']}:{options['port']}"
    try:
        server = _connect(route)
        try:
            refused = server.send_message(mail, from_addr=parseaddr(str(options["from"]))[1], to_addrs=receivers)
        finally:
            _leave(server)
    except smtplib.SMTPRecipientsRefused as error:
        raise SendError(
            f"{where} refused every receiver: {_words(next(iter(error.recipients.values())))}", final=_all_final(error)
        ) from None
    except smtplib.SMTPNotSupportedError:
        raise SendError(f"{where} offers no STARTTLS or no login, and nothing goes without", final=True) from None
    except smtplib.SMTPAuthenticationError as error:
        raise SendError(f"{where} refused the login: {error.smtp_code}", final=error.smtp_code >= 500) from None
    except smtplib.SMTPResponseException as error:
        words = _words((error.smtp_code, error.smtp_error))
        final = 500 <= error.smtp_code < 600
        raise SendError(
            f"{where} answered {words}", final=final, content=final and (error.smtp_code == 552 or isinstance(error, smtplib.SMTPDataError))
        ) from None
    except ssl.SSLCertVerificationError as error:
        raise SendError(f"{where}: its certificate does not verify: {error.verify_message}") from None
    except (OSError, smtplib.SMTPException) as error:
        raise SendError(f"{where} did not take it ({type(error).__name__}{_reason(error)})") from None
    if refused:
        named = "; ".join(f"{address}: {_words(answer)}" for address, answer in refused.items())
        raise SendError(f"{where} refused some receivers: {named}", left=list(refused))


def _connect(route: Route) -> smtplib.SMTP:
    """A connection, secured and logged in as the route says."""
    options = route.options
    host, port, tls, user = str(options["server"]), int(options["port"]), str(options["tls"]), str(options.get("user") or "")
    if user and tls == "none" and not _loopback(host):
        raise SendError(f"alerts.{route.name}: a login without TLS would show the password to the network: set tls", final=True)
    password = read_secret(str(options["password_file"])) if user else ""
    server = smtplib.SMTP_SSL(host, port, timeout=ANSWER, context=trust()) if tls == "tls" else smtplib.SMTP(host, port, timeout=ANSWER)
    try:
        if tls == "starttls":
            server.starttls(context=trust())
        if user:
            server.login(user, password)
    except BaseException:
        server.close()
        raise
    return server


def _leave(server: smtplib.SMTP) -> None:
    """Say goodbye; what was accepted stays accepted, however the server takes leave."""
    with suppress(OSError, smtplib.SMTPException):
        if server.sock is not None:
            server.sock.settimeout(2)
            server.quit()
    server.close()


def build(message: Message, sender: str, to: Sequence[str], *, plain: bool = False) -> EmailMessage:
    """The mail; all those about one incident refer to the one that opened it (RFC 5322, 3.6.4; RFC 3834, 5)."""
    mail = EmailMessage(policy=SMTP)
    mail["From"] = sender
    mail["To"] = ", ".join(to)
    mail["Subject"] = message.headline
    mail["Date"] = formatdate(localtime=False)
    domain = parseaddr(sender)[1].rpartition("@")[2] or "localhost"
    root = f"<{hashlib.sha256(message.ident.encode()).hexdigest()[:32]}@{domain}>"
    if message.what in {"open", "success", "deployment", "test", "digest"}:
        mail["Message-ID"] = root
    else:
        mail["Message-ID"] = f"{root[: -len(domain) - 2]}.{message.what}.{int(message.at)}@{domain}>"
        mail["In-Reply-To"] = root
        mail["References"] = root
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    if message.severity == "critical" and message.what in {"open", "escalate"}:
        mail["Importance"] = "high"
    # Quoted-printable: lines stay short, and a server without 8BITMIME takes it.
    mail.set_content(text(message) + "\n", cte="quoted-printable")
    if not plain:
        mail.add_alternative(html(message), subtype="html", cte="quoted-printable")
    return mail


def _all_final(error: smtplib.SMTPRecipientsRefused) -> bool:
    return all(code >= 500 for code, _words in error.recipients.values())


def _words(answer: tuple[int, bytes | str]) -> str:
    """A server's code and words, without secrets."""
    code, words = answer
    return mask(f"{code} {words.decode(errors='replace') if isinstance(words, bytes) else words}")


def _reason(error: Exception) -> str:
    """The system's own words for an error of the network; those of others may repeat what was sent."""
    return f": {error.strerror}" if isinstance(error, OSError) and error.strerror else ""


def _loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
