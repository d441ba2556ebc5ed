# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PagerDuty by its Events API v2: one incident there for one here, by the deduplication key.

Format: https://developer.pagerduty.com/docs/send-alert-event (summary 1024, dedup_key 255 characters, routing_key 32; 202 is success).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

from ..alerting.message import Message
from ..alerting.routes import Route
from .transport import post, read_secret

URL = "https://events.pagerduty.com/v2/enqueue"
SUMMARY, KEY = 1024, 255
_SEVERITIES = {"critical": "critical", "warning": "warning", "info": "info"}


def send(route: Route, message: Message, plain: bool, _left: Sequence[str]) -> None:
    """Trigger or resolve. A test does both, so that nobody has to close what was never wrong.

    :raises SendError: it was not accepted.
    """
    key = read_secret(str(route.options["key_file"]))
    url = str(route.options.get("url") or URL)
    for action in ("trigger", "resolve") if message.what == "test" else ("resolve",) if message.what == "end" else ("trigger",):
        post(url, event(message, action, key, plain=plain), secret=key)


def event(message: Message, action: str, routing_key: str, *, plain: bool = False) -> dict[str, Any]:
    """The body of the request."""
    body: dict[str, Any] = {"routing_key": routing_key, "event_action": action, "dedup_key": dedup_key(message.ident)}
    if action != "trigger":
        return body
    severity = "info" if message.what == "test" else _SEVERITIES.get(message.severity, "error")
    body["payload"] = {"summary": message.headline[:SUMMARY], "source": message.host or "unknown", "severity": severity}
    if plain:
        return body
    body["payload"] |= {
        "timestamp": datetime.fromtimestamp(message.at, timezone.utc).isoformat(timespec="milliseconds"),
        "component": message.subject,
        "group": message.stack or message.host,
        "class": _class(message),
        "custom_details": {
            **{name.lower(): value for name, value in message.facts},
            **{heading.lower(): lines for heading, lines in message.sections},
            "last log lines": message.log,
            "look further": message.commands,
        },
    }
    body["client"] = "latentum.ops"
    if message.runbook.startswith(("https://", "http://")):
        body["links"] = [{"href": message.runbook, "text": "Runbook"}]
    return body


def dedup_key(ident: str) -> str:
    """The id of the incident; shortened by a hash where it is longer than PagerDuty takes."""
    return ident if len(ident) <= KEY else f"{ident[:200]}#{hashlib.sha256(ident.encode()).hexdigest()[:32]}"


def _class(message: Message) -> str:
    """What sort of thing fails: ``disk``, ``site``; ``service`` where the incident's key has no sort."""
    sort, _colon, name = message.ident.partition("@")[0].partition("/")[2].partition(":")
    return sort if name else "service" if message.stack else "host"
