# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Words of others (logs, errors, causes) made fit for a message: without secrets, without control characters."""

from __future__ import annotations

import re
from collections.abc import Iterable

HIDDEN = "***"
_NAME = r"(?:pass(?:word|wd|phrase)?|pwd|secret|token|credentials?|cookie|(?:api|access|private|routing|signing|encryption)[_-]?key)"
_VALUE = r"""(?:\\["'].*?\\["']|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s"']+)"""
_RULES = (
    # postgresql://user:password@host, redis://:password@host, https://key@host; to the last @, as passwords have some of their own
    (re.compile(r"\b([a-z][a-z0-9+.-]*://)([^\s/:@]*:)?\S*@", re.IGNORECASE), rf"\1\2{HIDDEN}@"),
    (
        re.compile(r"\b(hooks\.slack\.com|discord(?:app)?\.com/api/webhooks|outlook\.office\.com/webhook)/\S+", re.IGNORECASE),
        rf"\1/{HIDDEN}",
    ),
    (
        re.compile(r"""\b((?:proxy-)?authorization\\?["']?\s*[:=]\s*["']?(?:(?:basic|bearer|digest|token)\s+)?)[^\s"']+""", re.IGNORECASE),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"\b(bearer\s+)[\w.~+/=-]{8,}", re.IGNORECASE), rf"\1{HIDDEN}"),
    # password=…, DB_PASSWORD: …, "api_key": "…", ?token=…
    (re.compile(rf"""([\w.-]*{_NAME}[\w.-]*\\?["']?\s*[=:]\s*){_VALUE}""", re.IGNORECASE), rf"\1{HIDDEN}"),
    (re.compile(rf"(\s--?[\w-]*{_NAME}\s+)(?!-){_VALUE}", re.IGNORECASE), rf"\1{HIDDEN}"),
    # values that are known by their own form: tokens of GitHub, GitLab and Slack, keys of AWS, JSON web tokens
    (
        re.compile(r"\b(?:gh[opsur]_\w{20,}|glpat-[\w-]{16,}|xox[abeprs]-[\w-]{10,}|AKIA[0-9A-Z]{16}|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*)"),
        HIDDEN,
    ),
)
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
# Control characters, marks that turn the direction of text around, and halves of characters (octets that were no UTF-8).
_UNFIT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff]")
_HALVES = re.compile("[\ud800-\udfff]")


def mask(text: str) -> str:
    """The text with values hidden that look like secrets; rather one too many."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text


def clean(text: object, limit: int = 0) -> str:
    """Masked, printable text.

    :param limit: characters that stay, the last one an ellipsis; 0 for all.
    """
    fit = mask(_HALVES.sub("\ufffd", _UNFIT.sub("", _ESCAPES.sub("", str(text)))))
    return fit if not limit or len(fit) <= limit else fit[: limit - 1].rstrip() + "…"


def line(text: object, limit: int = 0) -> str:
    """The same on one line."""
    return clean(" ".join(str(text).split()), limit)


def lines(texts: Iterable[object], count: int, limit: int) -> list[str]:
    """The last `count` of these, each cut to `limit` characters; says how many were left out."""
    every = [clean(part.expandtabs(4).rstrip(), limit) for text in texts for part in (str(text).splitlines() or [""])]
    return every if len(every) <= count else [f"… {len(every) - count} earlier", *every[-count:]]
