# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Slack, and what understands its incoming webhooks (Mattermost, Rocket.Chat): `text` for the notification, `blocks` to read.

Limits: https://docs.slack.dev/reference/block-kit/blocks (50 blocks; header 150, section 3000, field 2000 characters; 10 fields).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..alerting.message import Message, text
from ..alerting.routes import Route
from .transport import post, read_secret

HEADER, SECTION, FIELD, FIELDS, BLOCKS, TEXT = 150, 3000, 2000, 10, 50, 3800
_MARKS = {"critical": ":red_circle:", "warning": ":large_orange_circle:", "info": ":large_blue_circle:"}


def send(route: Route, message: Message, plain: bool, _left: Sequence[str]) -> None:
    """Post to the webhook; its URL is the secret.

    :raises SendError: it was not accepted.
    """
    url = read_secret(str(route.options["url_file"]))
    post(url, {"text": escape(text(message), TEXT)} if plain else payload(message), secret=url)


def payload(message: Message) -> dict[str, Any]:
    """The body of the request."""
    mark = ":large_green_circle:" if message.good else _MARKS.get(message.severity, _MARKS["info"])
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": _cut(message.headline, HEADER), "emoji": False}},
        _section(f"{mark} {escape(message.lead, SECTION - 40)}"),
    ]
    for start in range(0, len(message.facts), FIELDS):
        fields = [f"*{escape(name)}*\n{escape(value, FIELD - 100)}" for name, value in message.facts[start : start + FIELDS]]
        blocks.append({"type": "section", "fields": [_mrkdwn(field) for field in fields]})
    for heading, lines in (*message.sections, ("Last log lines", message.log), ("Look further", message.commands)):
        blocks += [_section(part) for part in _fenced(heading, lines)]
    foot = [f"Incident {escape(message.ident)}"] if message.what != "digest" else []
    if message.runbook.startswith(("https://", "http://")):
        foot.insert(0, f"<{escape(message.runbook).replace('|', '%7C')}|Runbook>")
    blocks = blocks[: BLOCKS - 1]
    if foot:
        blocks.append({"type": "context", "elements": [_mrkdwn(note) for note in foot]})
    return {"text": escape(message.headline), "blocks": blocks}


def escape(value: str, limit: int = 0) -> str:
    """Text without meaning to Slack: no mention, no link; at most `limit` characters with the escapes, none of them cut in two."""
    escaped = [{"&": "&amp;", "<": "&lt;", ">": "&gt;"}.get(character, character) for character in value]
    if limit and sum(map(len, escaped)) > limit:
        size, kept = 1, []
        for character in escaped:
            size += len(character)
            if size > limit:
                break
            kept.append(character)
        escaped = [*kept, "…"]
    return "".join(escaped)


def _fenced(heading: str, lines: Sequence[str]) -> Iterator[str]:
    """A heading with its lines as code, in as many parts as the limit asks for."""
    top, room = f"*{escape(heading)}*\n```", SECTION - 200
    part: list[str] = []
    for escaped in (escape(value.replace("```", "'''"), room) for value in lines):
        if part and sum(len(each) + 1 for each in part) + len(escaped) > room:
            yield f"{top}{chr(10).join(part)}```"
            part, top = [], "```"
        part.append(escaped)
    if part:
        yield f"{top}{chr(10).join(part)}```"


def _cut(value: str, limit: int) -> str:
    return value if len(value) <= limit else f"{value[: limit - 1]}…"


def _mrkdwn(value: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": value}


def _section(value: str) -> dict[str, Any]:
    return {"type": "section", "text": _mrkdwn(value)}
