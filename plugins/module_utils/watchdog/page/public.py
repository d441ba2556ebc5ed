# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the public may read of the watchdog's sentences: not the output of programs, nor commands, addresses and images."""

from __future__ import annotations

import ipaddress
import re

from ...core.masking import line

LONGEST = 240  # characters that are shown
# Where findings and probes quote what a program said, or tell an operator what to type.
_QUOTED = re.compile(r"(is unhealthy) \(.*?\)(?=; |$)|(exited with -?\d+): .*|(psql said) .*|(?:; |, )?`[^`]*`")
_WORD = r"[\w.-]+"
_DIGEST = r"sha256:[0-9a-f]{12,}"
_IMAGE = re.compile(
    rf"(?<![\w/:.-])(?:{_WORD}(?::\d+)?/)+{_WORD}(?::{_WORD})?@{_DIGEST}"  # registry/name:tag@digest
    rf"|(?<![\w/:.-])(?:{_WORD}(?::\d+)?/)+{_WORD}:{_WORD}"  # registry/name:tag
    rf"|\b(?:{_WORD}@)?{_DIGEST}"
)
_ADDRESS = re.compile(r"(?<![\w.:])\[?([0-9a-fA-F.:]*[.:][0-9a-fA-F.:]*[0-9a-fA-F:])(?:%\w+)?\]?(?::\d+)?(?!\w)")


def public(words: object) -> str:
    """A cause, a reason or a remedy as anybody may read it, on one line."""
    text = _QUOTED.sub(lambda match: next((kept for kept in match.groups() if kept), ""), line(words))
    text = _ADDRESS.sub(_hidden, _IMAGE.sub("an image", text))
    return line(text, LONGEST).rstrip(" ;:,")


def _hidden(match: re.Match[str]) -> str:
    """An address of version 4 and its port look like one word: both are tried."""
    host, _colon, port = match[1].rpartition(":")
    return "an address" if _is_address(match[1]) or (port.isdigit() and _is_address(host)) else match[0]


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
