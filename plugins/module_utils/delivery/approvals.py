# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Approvals: by a person on this host, or by a link that this host has signed for one person, one delivery, and a time.

The receiver only hands a link on; the key is root's, so whoever takes the receiver over can approve nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path
from urllib.parse import urlencode

from ..contracts.delivery import DeliverySettings
from ..core.atomic_files import read_text, write_atomic
from .entry import Entry, State
from .request import person

LINK, OPSCTL = "link", "opsctl"
LONGEST = 7 * 86400.0  # seconds for which a link is good


class ApprovalRefused(ValueError):
    """An approval that does not count; the message says why.

    :param status: of HTTP.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def require(settings: DeliverySettings, entry: Entry, who: str, now: float) -> None:
    """:raises ApprovalRefused: this person's word does not count here, or nothing waits for it."""
    if entry.state is not State.APPROVAL:
        raise ApprovalRefused(409, f"{entry.title} does not wait for approval: it is {entry.state.value}")
    if entry.expires <= now:
        raise ApprovalRefused(409, "the time to approve it is over")
    if not settings.approval.author and who.casefold() == entry.request.who.casefold():
        raise ApprovalRefused(403, f"{who} has brought it, and somebody else has to approve it (delivery.approval.author: false)")
    if any(given.who.casefold() == who.casefold() for given in entry.approvals):
        raise ApprovalRefused(409, f"{who} has approved it already")


def lacking(settings: DeliverySettings, entry: Entry) -> int:
    """How many persons more it takes. Whoever brought it is not counted where that is declared, also after it was declared anew."""
    counted = {given.who.casefold() for given in entry.approvals}
    if not settings.approval.author:
        counted.discard(entry.request.who.casefold())
    return max(0, settings.approval.persons - len(counted))


class Links:
    """Signed links of this host."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "approval.key"

    def make(self, address: str, entry: Entry, who: str, expires: float) -> str:
        """The address by which a person approves one delivery.

        :raises ApprovalRefused: there is no address of the receiver, or no such person can be.
        """
        if not address:
            raise ApprovalRefused(409, "a link needs an address: declare delivery.address")
        if person(who) != who:
            raise ApprovalRefused(400, f"{who!r} cannot be the name of a person: write up to 60 printable characters")
        until = str(int(expires))
        query = urlencode({"who": who, "expires": until, "signature": self._signature(entry.id, who, until)})
        return f"{address}/approve/{entry.id}?{query}"

    def verify(self, identity: str, who: str, expires: str, signature: str, now: float) -> None:
        """:raises ApprovalRefused: it is no link of this host, or its time is over."""
        if not hmac.compare_digest(self._signature(identity, who, expires).encode(), signature.encode("utf-8", "surrogateescape")):
            raise ApprovalRefused(401, "this link is none of this host")
        if float(expires) <= now:
            raise ApprovalRefused(403, "the time of this link is over: `opsctl approve ID --link` makes another one")

    def _signature(self, identity: str, who: str, expires: str) -> str:
        content = "\0".join(("approve", identity, who, expires)).encode("utf-8", "surrogateescape")
        return hmac.new(self._key(), content, hashlib.sha256).hexdigest()

    def _key(self) -> bytes:
        text = read_text(self._file)
        if not text:
            text = secrets.token_hex(32)
            write_atomic(self._file, text, 0o600, os.geteuid(), os.getegid())
        return text.strip().encode()
