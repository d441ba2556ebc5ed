# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same message for mail programs: plain HTML with inline styles, everything escaped, nothing loaded from elsewhere."""

from __future__ import annotations

from html import escape

from .message import Message

_COLOURS = {"critical": "#b42318", "warning": "#b54708", "info": "#344054"}
_WELL = "#067647"
_CODE = (
    "margin:4px 0 0;padding:8px 10px;background:#f2f4f7;border-radius:4px;font:12px/1.5 monospace;"
    "white-space:pre-wrap;word-break:break-word"
)


def colour(message: Message) -> str:
    """Of the bar at the top: green for an end, else by severity."""
    return _WELL if message.good else _COLOURS.get(message.severity, _COLOURS["info"])


def html(message: Message) -> str:
    """A whole document."""
    rows = "".join(
        f'<tr><td style="padding:2px 16px 2px 0;color:#667085;vertical-align:top">{escape(name)}</td>'
        f'<td style="padding:2px 0">{escape(value)}</td></tr>'
        for name, value in message.facts
    )
    body = [f'<p style="margin:12px 0;font-size:16px;font-weight:600">{escape(message.lead)}</p>']
    if rows:
        body.append(f'<table style="border-collapse:collapse;font-size:14px">{rows}</table>')
    if message.runbook.startswith(("https://", "http://")):
        body.append(f'<p style="margin:12px 0"><a href="{escape(message.runbook)}">Runbook</a></p>')
    blocks = [*message.sections, ("Last log lines", message.log), ("Look further", message.commands)]
    for heading, content in blocks:
        if content:
            body.append(
                f'<p style="margin:16px 0 0;color:#667085">{escape(heading)}</p><pre style="{_CODE}">{escape(chr(10).join(content))}</pre>'
            )
    if message.what != "digest":
        body.append(f'<p style="margin:16px 0 0;color:#98a2b3;font-size:12px">Incident {escape(message.ident)}</p>')
    return (
        '<!DOCTYPE html><html><head><meta charset="utf-8"></head>'
        '<body style="margin:0;padding:16px;font-family:sans-serif;color:#101828;font-size:14px">'
        f'<div style="max-width:680px;border-top:4px solid {colour(message)};padding-top:4px">{"".join(body)}</div></body></html>\n'
    )
