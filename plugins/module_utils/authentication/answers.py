# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers of the service: who somebody is, or why that is not known. nginx makes headers, a status and a line of its log of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class Reason(Enum):
    """Why nobody was recognized, as the access log has it. Those that begin with C(refused) are guesses, which lead to a ban."""

    MISSING = "missing"
    UNKNOWN = "refused: unknown"
    SIGNATURE = "refused: signature"
    MALFORMED = "refused: malformed"
    ALGORITHM = "refused: algorithm"
    KEY = "key"
    NO_KEYS = "no-keys"
    EXPIRED = "expired"
    EARLY = "not-yet-valid"
    AUDIENCE = "audience"
    ISSUER = "issuer"
    CLAIMS = "claims"
    LIMITED = "limited"
    POLICY = "no-such-policy"


@dataclass(frozen=True)
class Accepted:
    """Somebody was recognized.

    :param claims: by the name of the header that gets them.
    """

    user: str
    claims: Mapping[str, str] = field(default_factory=dict)


class NotAccepted(Exception):
    """Nobody was recognized."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason
