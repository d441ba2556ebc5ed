# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signatures of calls: each provider's own way, compared in constant time, and a number for each call by which it is known again.

Sources: GitHub "Validating webhook deliveries" (X-Hub-Signature-256), GitLab "Webhooks" (X-Gitlab-Token), Gitea and Forgejo "Webhooks"
(X-Gitea-Signature), Docker Registry "Notifications" and Harbor "Webhooks" (a header Authorization that the operator writes).

GitHub and Gitea sign the body alone: neither the time nor the number of the delivery is signed, so a call is known again by its body, and
whoever sends one that was seen gets the answer of the first. C(generic) signs its time too, and is refused when that is long ago.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..contracts.delivery import GENERIC, GITEA, GITHUB, GITLAB, REGISTRY

TOLERANCE = 300.0  # seconds by which the clock of a caller may differ, and a call may be late
_HEX = re.compile(r"[0-9a-f]{64}")
_TIME = re.compile(r"[1-9][0-9]{9}")
SHORTEST = 16  # characters of a secret that signs


class Unsigned(Exception):
    """A call that no known secret signs; the message is for the log of the host, and none of it for the caller."""


@dataclass(frozen=True)
class Call:
    """What came, as it came.

    :param headers: by their names in lower case; a header that came twice is left out.
    """

    headers: Mapping[str, str]
    body: bytes


def verify(provider: str, call: Call, secrets: Sequence[str], now: float) -> str:
    """The number of a call: 32 hexadecimal digits that nobody can guess, and that are the same when it comes again.

    :param secrets: all that are good now, two of them while one is rotated.
    :param now: epoch seconds.
    :raises Unsigned: no secret signs it, or its time has passed.
    """
    usable = [secret.encode() for secret in secrets if len(secret) >= SHORTEST]
    if not usable:
        raise Unsigned(f"this host has no secret of at least {SHORTEST} characters for it")
    proven, content = _PROVIDERS[provider](call, usable, now)
    # All are compared, whichever fits: how long it takes tells nothing.
    fitting = [secret for secret, fits in zip(usable, list(proven), strict=True) if fits]
    if not fitting:
        raise Unsigned("its signature is that of no secret of this source")
    return hmac.new(fitting[0], b"latentum delivery\0" + content, hashlib.sha256).hexdigest()[:32]


_Judged = tuple[Iterable[bool], bytes]


def _github(call: Call, secrets: Sequence[bytes], _now: float) -> _Judged:
    return _signed(call.headers.get("x-hub-signature-256", "").removeprefix("sha256="), secrets, call.body), call.body


def _gitea(call: Call, secrets: Sequence[bytes], _now: float) -> _Judged:
    given = next((call.headers[name] for name in ("x-forgejo-signature", "x-gitea-signature") if name in call.headers), "")
    return _signed(given, secrets, call.body), call.body


def _gitlab(call: Call, secrets: Sequence[bytes], _now: float) -> _Judged:
    """A token, and no signature: the headers are as good as the body."""
    unique = call.headers.get("idempotency-key") or call.headers.get("x-gitlab-event-uuid", "")
    return _equal(call.headers.get("x-gitlab-token", ""), secrets), unique.encode() + b"\0" + call.body


def _registry(call: Call, secrets: Sequence[bytes], _now: float) -> _Judged:
    given = call.headers.get("authorization", "")
    scheme, _space, token = given.partition(" ")
    return _equal(token.strip() if scheme.lower() == "bearer" else given, secrets), call.body


def _generic(call: Call, secrets: Sequence[bytes], now: float) -> _Judged:
    stamp = call.headers.get("x-deliver-timestamp", "")
    if not _TIME.fullmatch(stamp):
        raise Unsigned("it has no X-Deliver-Timestamp in seconds since 1970")
    if abs(now - int(stamp)) > TOLERANCE:
        raise Unsigned(f"its time is {now - int(stamp):+.0f} s away, and {TOLERANCE:.0f} s are borne")
    content = stamp.encode() + b"." + call.body
    return _signed(call.headers.get("x-deliver-signature", "").removeprefix("sha256="), secrets, content), content


def _signed(given: str, secrets: Sequence[bytes], content: bytes) -> Iterable[bool]:
    if not _HEX.fullmatch(given):
        raise Unsigned("it has no signature")
    return [hmac.compare_digest(hmac.new(secret, content, hashlib.sha256).hexdigest(), given) for secret in secrets]


def _equal(given: str, secrets: Sequence[bytes]) -> Iterable[bool]:
    if not given:
        raise Unsigned("it has no token")
    return [hmac.compare_digest(secret, given.encode("utf-8", "surrogateescape")) for secret in secrets]


_PROVIDERS: Mapping[str, Callable[[Call, Sequence[bytes], float], _Judged]] = {
    GITHUB: _github,
    GITLAB: _gitlab,
    GITEA: _gitea,
    REGISTRY: _registry,
    GENERIC: _generic,
}


def signature(secret: str, stamp: int, body: bytes) -> str:
    """The header C(X-Deliver-Signature) of a call of ours."""
    return "sha256=" + hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
