# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verb of opsctl for capacity and cost: a table, files, and the monthly mail."""

from __future__ import annotations

import argparse
import os
import re
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from ..capacity.collecting import collect
from ..capacity.html import html
from ..capacity.markdown import markdown
from ..capacity.picture import pictures
from ..capacity.report import Report
from ..capacity.settings import load
from ..capacity.table import table
from ..contracts.capacity import ReportSettings
from ..core.atomic_files import write_atomic
from ..slo.source import SourceError
from .arguments import shared
from .log_view import since_from
from .output import Output

UNSENT = 1  # exit status
_LEAST = 3600.0  # seconds of a report
_MODE = 0o644


def add_parsers(verbs: Any) -> None:
    """The command line of this verb."""
    report = verbs.add_parser("report", parents=[shared(stack="")])
    time_of = report.add_mutually_exclusive_group()
    time_of.add_argument("--since", default="30d", metavar="TIME", help="from 2026-11-01T00:00:00Z on, or from 7d or 30d ago (30d)")
    time_of.add_argument("--month", default="", metavar="MONTH", help="a month in UTC, such as 2026-11, or last")
    report.add_argument("--markdown", default="", metavar="FILE", help="also as Markdown, its pictures beside it")
    report.add_argument("--html", default="", metavar="FILE", help="also as one HTML file with pictures")
    report.add_argument("--prometheus", default="", metavar="ADDRESS", help="ask this one, not that of this host")
    report.add_argument("--host", default="", metavar="NAME", help="what it calls the host, label instance")
    report.add_argument(
        "--mail", action="store_true", help="mail it to those who want it monthly (run by systemd); of last month unless said"
    )


def run_verb(options: argparse.Namespace, output: Output) -> int:
    """Make the report, and give it to whoever wants it.

    :raises ValueError: nobody can be asked, or the time is none.
    """
    settings = load(options.prometheus, options.host)
    month = options.month or ("last" if options.mail else "")
    start, end = whole_month(month, time.time()) if month else (since_from(options.since, "report"), time.time())
    if end - start < _LEAST:
        raise ValueError(f"--since {options.since}: is less than an hour, of which nothing can be said: write more, such as 30d")
    if options.mail and not settings.monthly:
        raise ValueError(
            "nobody wants a mail: write monitoring.report.monthly: true in the declaration, and run site.yml --tags monitoring"
        )
    try:
        report = collect(settings, start, end)
    except SourceError as error:
        raise ValueError(str(error)) from None
    _write(report, options)
    if options.mail:
        return _mail(report, settings, output)
    output.result(report.to_dict(), "\n".join(table(report)))
    return 0


def whole_month(text: str, now: float) -> tuple[float, float]:
    """Begin and end of a month in UTC; what has not come yet is left out.

    :param text: 2026-11, or last for the one before this.
    :raises ValueError: it is no month, or has not begun.
    """
    today = datetime.fromtimestamp(now, timezone.utc)
    if text == "last":
        first = (today.replace(day=1) - timedelta(days=1)).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    elif match := re.fullmatch(r"(\d{4})-(0[1-9]|1[0-2])", text):
        first = datetime(int(match[1]), int(match[2]), 1, tzinfo=timezone.utc)
    else:
        raise ValueError(f"--month {text}: is no month: write one such as {today:%Y-%m}, or last")
    if first.timestamp() >= now:
        raise ValueError(f"--month {text}: has not begun: write {today:%Y-%m} or one before it")
    following = (first + timedelta(days=32)).replace(day=1)
    return first.timestamp(), min(now, following.timestamp())


def _write(report: Report, options: argparse.Namespace) -> None:
    """The files that were asked for."""
    if options.html:
        _write_file(Path(options.html), html([report]))
    if options.markdown:
        file = Path(options.markdown)
        for name, svg in pictures(report).items():
            _write_file(file.with_name(f"{file.stem}-{name}.svg"), svg)
        _write_file(file, markdown([report], link=lambda _host, name: f"{file.stem}-{name}.svg"))


def _write_file(file: Path, text: str) -> None:
    """A file that is there as a whole, or as it was."""
    write_atomic(file, text, _MODE, os.geteuid(), os.getegid())


def _mail(report: Report, settings: ReportSettings, output: Output) -> int:
    """To all who want it; the others do not wait for one that fails."""
    from ..capacity import mail
    from ..watchdog.alerting.routes import load_alerts

    alerts = load_alerts()
    routes = mail.receivers(alerts.routes, settings.monthly)
    outcome = mail.send(report, routes)
    lines = [f"{key}: {'FAILED: ' + problem if problem else 'accepted'}" for key, problem in sorted(outcome.items())]
    broken = [sentence for name, sentence in sorted(alerts.broken.items()) if name in settings.monthly]
    if not routes:
        broken.append(f"no entry of kind email in watchdog.alerts of {', '.join(settings.monthly)}: run site.yml with --tags watchdog")
    output.result({"sent": outcome, "problems": broken}, "\n".join([*lines, *broken]))
    return UNSENT if broken or any(outcome.values()) else 0
