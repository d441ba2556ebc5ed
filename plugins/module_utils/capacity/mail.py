# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report by mail, over the routes of alerts that are mail. What was accepted is noted, so that another try tells nobody twice."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, parseaddr
from pathlib import Path
from typing import Any

from ..core.masking import line
from ..core.versioned_json import read_state, write_state
from ..slo.table import day as date
from ..watchdog.alerting.routes import Route
from ..watchdog.receivers.email import hand_over
from ..watchdog.receivers.transport import SendError
from . import words
from .html import html
from .report import Report
from .table import table

STATE = Path("/var/lib/latentum-ops-report/sent.json")
EMAIL = "email"
_KEPT = 24  # reports of which it is known who got them
_MODE = 0o600  # addresses of people
Send = Callable[[Route, EmailMessage, Sequence[str]], None]


def receivers(routes: Mapping[str, Route], stacks: Sequence[str]) -> list[Route]:
    """The mail routes of these stacks, each destination once."""
    chosen: dict[str, Route] = {}
    for route in routes.values():
        if route.kind == EMAIL and route.stack in stacks:
            chosen.setdefault(route.destination, route)
    return list(chosen.values())


def build(report: Report, sender: str, to: Sequence[str]) -> EmailMessage:
    """The mail: text, the same as HTML, and that with pictures as a file, since programs that show mail take pictures of SVG out."""
    mail = EmailMessage(policy=SMTP)
    mail["From"], mail["To"] = sender, ", ".join(to)
    mail["Subject"] = line(subject(report), 140)
    mail["Date"] = formatdate(localtime=False)
    about = hashlib.sha256(f"{report.host} {report.start} {report.end}".encode()).hexdigest()[:32]
    mail["Message-ID"] = f"<{about}@{parseaddr(sender)[1].rpartition('@')[2] or 'localhost'}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    # Quoted-printable: lines stay short, and a server without 8BITMIME takes it.
    mail.set_content("\n".join([*table(report), ""]), cte="quoted-printable")
    mail.add_alternative(html([report], drawn=False), subtype="html", cte="quoted-printable")
    name = f"capacity-{date(report.start)}.html"
    mail.add_attachment(html([report]).encode(), maintype="text", subtype="html", filename=name)
    return mail


def subject(report: Report) -> str:
    """What is most pressing, in a line."""
    pressing = [one for one in sorted(report.resources, key=words.moment_of) if words.moment_of(one) < report.end + 60 * 86400]
    head = f"{report.host}: capacity and cost, {words.month(report.start, report.end)}"
    return f"{head}: {pressing[0].kind} {pressing[0].name}: {words.outlook(pressing[0], report.end)}" if pressing else head


def send(report: Report, routes: Sequence[Route], state: Path | None = None, sender: Send = hand_over) -> dict[str, str]:
    """Mail it to everybody who has not got it yet; by route what went wrong, empty where it was accepted.

    :raises OSError: it cannot be noted who got it: then nobody gets it, rather than one a quarter of an hour.
    """
    file = state or STATE
    noted: dict[str, Any] = read_state(file, {}, put_aside=True)
    about = f"{report.host} {report.start:.0f} {report.end:.0f}"
    sent: dict[str, list[str]] = noted.setdefault(about, {})
    outcome = {}
    for route in routes:
        key = hashlib.sha256(route.destination.encode()).hexdigest()[:16]
        left = sent.get(key)
        if left == []:
            outcome[route.key] = ""
            continue
        _note(file, noted)  # a disk that takes nothing is found before anything is sent
        try:
            to = [str(recipient) for recipient in route.options["to"]]
            sender(route, build(report, str(route.options["from"]), to), left or ())
            sent[key], outcome[route.key] = [], ""
        except SendError as error:
            outcome[route.key] = str(error)
            if error.left:
                sent[key] = error.left
        _note(file, noted)
    return outcome


def _note(file: Path, noted: dict[str, Any]) -> None:
    for old in list(noted)[:-_KEPT]:
        del noted[old]
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_state(file, noted, _MODE)
