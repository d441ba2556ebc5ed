# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is what was sent what the receivers' published formats ask for? Each function returns what is wrong, as sentences.

Slack: block kit and incoming webhooks. PagerDuty: Events API v2 (PD-CEF). Mail: RFC 5322, 2045, 3834.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from email.utils import parsedate_to_datetime
from typing import Any

SLACK_KEYS = {"text", "blocks", "attachments", "thread_ts", "mrkdwn", "unfurl_links", "unfurl_media", "response_type"}
# What the older form has besides, which Alertmanager writes: attachments in place of text and blocks.
OLDER_KEYS = {"channel", "username", "icon_emoji", "icon_url", "link_names"}
ATTACHMENT_KEYS = {"title", "title_link", "pretext", "text", "color", "fallback", "mrkdwn_in", "footer", "fields", "actions", "callback_id"}
EVENT_KEYS = {"routing_key", "event_action", "dedup_key", "payload", "images", "links", "client", "client_url"}
PAYLOAD_KEYS = {"summary", "source", "severity", "timestamp", "component", "group", "class", "custom_details"}
ONCE = ("From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Auto-Submitted")
_LINK = re.compile(r"<https?://[^<>|\s]+\|[^<>|]+>")


# -- Slack ----------------------------------------------------------------------------------------------------------------


def slack_problems(body: object) -> list[str]:
    """What an incoming webhook of Slack would not take, and what would not be shown as meant."""
    return list(_slack(body))


def _slack(body: object) -> Iterator[str]:
    if not isinstance(body, dict):
        yield "not a JSON object"
        return
    attachments = body.get("attachments")
    if isinstance(attachments, list) and attachments and "text" not in body:
        yield from (f"unknown key {key}" for key in sorted(set(body) - SLACK_KEYS - OLDER_KEYS))
        for number, attachment in enumerate(attachments):
            yield from _attachment(f"attachments[{number}]", attachment)
        return
    yield from (f"unknown key {key}" for key in sorted(set(body) - SLACK_KEYS))
    if not isinstance(body.get("text"), str) or not body["text"].strip():
        yield "text: missing; it is what a notification shows"
    else:
        yield from _mrkdwn("text", body["text"], 40000)
    blocks = body.get("blocks", [])
    if not isinstance(blocks, list) or len(blocks) > 50:
        yield "blocks: no list of at most 50"
        return
    for number, block in enumerate(blocks):
        yield from _block(f"blocks[{number}]", block)


def _attachment(where: str, attachment: Any) -> Iterator[str]:
    if not isinstance(attachment, dict):
        yield f"{where}: no object"
        return
    yield from (f"{where}: unknown key {key}" for key in sorted(set(attachment) - ATTACHMENT_KEYS))
    if not (attachment.get("fallback") or attachment.get("text")):
        yield f"{where}: neither fallback nor text; it is what a notification shows"


def _block(where: str, block: Any) -> Iterator[str]:
    kind = block.get("type") if isinstance(block, dict) else None
    if kind == "header":
        text = block.get("text", {})
        if text.get("type") != "plain_text" or not 1 <= len(text.get("text", "")) <= 150:
            yield f"{where}: a header is plain_text of 1 to 150 characters"
    elif kind == "section":
        if "text" not in block and not block.get("fields"):
            yield f"{where}: a section has text or fields"
        if "text" in block:
            yield from _text(f"{where}.text", block["text"], 3000)
        if len(block.get("fields", [])) > 10:
            yield f"{where}: more than 10 fields"
        for number, field in enumerate(block.get("fields", [])):
            yield from _text(f"{where}.fields[{number}]", field, 2000)
    elif kind == "context":
        if not 1 <= len(block.get("elements", [])) <= 10:
            yield f"{where}: a context has 1 to 10 elements"
        for number, element in enumerate(block.get("elements", [])):
            yield from _text(f"{where}.elements[{number}]", element, 3000)
    elif kind != "divider":
        yield f"{where}: {kind} is no type of block that we know"


def _text(where: str, text: Any, limit: int) -> Iterator[str]:
    if not isinstance(text, dict) or text.get("type") not in {"mrkdwn", "plain_text"}:
        yield f"{where}: no text object"
        return
    yield from _mrkdwn(where, text.get("text", ""), limit)


def _mrkdwn(where: str, text: str, limit: int) -> Iterator[str]:
    if not 1 <= len(text) <= limit:
        yield f"{where}: {len(text)} characters, not 1 to {limit}"
    plain = _LINK.sub("", text)
    if "<" in plain or ">" in plain or re.search(r"&(?!amp;|lt;|gt;)", plain):
        yield f"{where}: <, > or & that is not escaped"
    if text.count("```") % 2:
        yield f"{where}: code that is not closed"


# -- PagerDuty ------------------------------------------------------------------------------------------------------------


def pagerduty_problems(body: object) -> list[str]:
    """What the Events API v2 would answer 400 to."""
    return list(_pagerduty(body))


def _pagerduty(body: object) -> Iterator[str]:
    if not isinstance(body, dict):
        yield "not a JSON object"
        return
    yield from (f"unknown key {key}" for key in sorted(set(body) - EVENT_KEYS))
    if not re.fullmatch(r"[0-9A-Za-z]{32}", str(body.get("routing_key", ""))):
        yield "routing_key: not 32 characters"
    action = body.get("event_action")
    if action not in {"trigger", "acknowledge", "resolve"}:
        yield f"event_action: {action}"
    if not 1 <= len(str(body.get("dedup_key", ""))) <= 255:
        yield "dedup_key: not 1 to 255 characters"
    if len(json.dumps(body)) > 512 * 1024:
        yield "more than 512 KB"
    for number, link in enumerate(body.get("links", [])):
        if not str(link.get("href", "")).startswith(("https://", "http://")) or set(link) - {"href", "text"}:
            yield f"links[{number}]: no href, or unknown keys"
    if action == "trigger":
        yield from _event(body.get("payload"))


def _event(payload: Any) -> Iterator[str]:
    if not isinstance(payload, dict):
        yield "payload: missing"
        return
    yield from (f"payload: unknown key {key}" for key in sorted(set(payload) - PAYLOAD_KEYS))
    if not 1 <= len(str(payload.get("summary", ""))) <= 1024:
        yield "payload.summary: not 1 to 1024 characters"
    if not payload.get("source"):
        yield "payload.source: missing"
    if payload.get("severity") not in {"critical", "error", "warning", "info"}:
        yield f"payload.severity: {payload.get('severity')}"
    if "timestamp" in payload:
        try:
            if datetime.fromisoformat(payload["timestamp"]).tzinfo is None:
                yield "payload.timestamp: without a time zone"
        except (TypeError, ValueError):
            yield "payload.timestamp: not ISO 8601"
    if not isinstance(payload.get("custom_details", {}), dict):
        yield "payload.custom_details: no object"


# -- mail -----------------------------------------------------------------------------------------------------------------


def read_mail(octets: bytes) -> EmailMessage:
    """The mail, with decoded headers."""
    return message_from_bytes(octets, policy=default)


def mail_problems(octets: bytes) -> list[str]:
    """What mail servers and programs would reject or show wrong."""
    return list(_mail(octets))


def _mail(octets: bytes) -> Iterator[str]:
    mail = read_mail(octets)
    for name in ONCE:
        if len(mail.get_all(name, [])) != 1:
            yield f"{name}: not there once"
    if any(len(line) > 998 for line in octets.splitlines()):
        yield "a line of more than 998 octets"
    if any(octet > 127 for octet in octets):
        yield "not 7-bit: a server without 8BITMIME would not take it"
    if not re.fullmatch(r"<[^<>@\s]+@[^<>@\s]+>", str(mail.get("Message-ID", "")).strip()):
        yield "Message-ID: not <left@right>"
    if "In-Reply-To" in mail and str(mail["In-Reply-To"]) not in str(mail.get("References", "")):
        yield "References: lacks what it is a reply to"
    if mail.get("Auto-Submitted") != "auto-generated":
        yield "Auto-Submitted: not auto-generated (RFC 3834)"
    try:
        parsedate_to_datetime(str(mail["Date"]))
    except (TypeError, ValueError):
        yield "Date: not a date"
    parts = [part for part in mail.walk() if not part.is_multipart()]
    shown = [part.get_content_type() for part in parts if not part.is_attachment()]
    if shown not in (["text/plain", "text/html"], ["text/plain"]):
        yield f"parts: {', '.join(shown)}, not text/plain and then text/html"
    yield from (f"defect: {type(defect).__name__}" for part in mail.walk() for defect in part.defects)
    for part in parts:
        if part.get_content_type() == "text/html" and re.search(r"<(?:script|img|link|iframe)\b|\ssrc=", part.get_content()):
            yield "the HTML loads something"
