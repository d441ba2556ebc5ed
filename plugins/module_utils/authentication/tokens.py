# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verification of JSON Web Tokens (RFC 7519, RFC 8725) by PyJWT, with what it leaves to its caller."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from ..contracts.route_authentication import RouteAuthentication
from .answers import Accepted, NotAccepted, Reason
from .key_sets import Key

LONGEST = 12 * 1024  # characters; nginx takes no longer header
LONGEST_CLAIM = 2048  # of all claims together nginx reads one buffer
_PRINTABLE = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) != "%")
# A number as a name is common; newer versions of the library refuse it. A clock that is behind the issuer's is no reason to refuse.
_VERIFIED = {"verify_aud": True, "verify_exp": True, "verify_nbf": True, "verify_iat": False, "verify_sub": False, "verify_jti": False}
Candidates = Callable[[str, str], list[Key]]


def verify(token: str, policy: RouteAuthentication, candidates: Candidates, *, any_keys: Callable[[], bool]) -> tuple[Accepted, float]:
    """Who a token is of, and until when it is valid (seconds since 1970, leeway included).

    :param candidates: the keys by a token's C(kid) and C(alg).
    :param any_keys: there are keys at all.
    :raises NotAccepted: for each thing that is wrong with it.
    """
    header = _header(token)
    algorithm = header["alg"]
    if algorithm not in policy.algorithms:
        raise NotAccepted(Reason.ALGORITHM)
    name = header.get("kid") or ""
    if (
        "crit" in header
        or not isinstance(name, str)
        or str(header.get("typ") or "JWT").lower() not in ("jwt", "at+jwt", "application/at+jwt")
    ):
        raise NotAccepted(Reason.MALFORMED)
    keys = candidates(name, algorithm)
    if not keys:
        raise NotAccepted(Reason.KEY if any_keys() else Reason.NO_KEYS)
    claims = _signed(token, policy, algorithm, keys)
    if policy.issuer and claims.get("iss") != policy.issuer:
        raise NotAccepted(Reason.ISSUER)
    user = _written(claims.get(policy.user_claim))
    if not user:
        raise NotAccepted(Reason.CLAIMS)
    handed = {header_name: _written(claims.get(claim)) for header_name, claim in policy.claims.items()}
    if len(user) + sum(len(value) for value in handed.values()) > LONGEST_CLAIM:
        raise NotAccepted(Reason.CLAIMS)
    return Accepted(user, {header_name: value for header_name, value in handed.items() if value}), float(claims["exp"]) + policy.leeway


def _header(token: str) -> dict[str, Any]:
    """What a token says of itself, which nothing is believed of."""
    import jwt

    if len(token) > LONGEST or token.count(".") != 2:
        raise NotAccepted(Reason.MALFORMED)
    try:
        header: dict[str, Any] = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise NotAccepted(Reason.MALFORMED) from None
    if not isinstance(header.get("alg"), str):
        raise NotAccepted(Reason.ALGORITHM)
    return header


def _signed(token: str, policy: RouteAuthentication, algorithm: str, keys: list[Key]) -> dict[str, Any]:
    """The claims, by the first key whose signature it is; times and audience are looked at by the library."""
    import jwt

    for key in keys:
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key.public,
                algorithms=[algorithm],
                audience=list(policy.audience),
                leeway=policy.leeway,
                options={"require": ["exp", "aud"], **_VERIFIED},
            )
            return claims
        except jwt.InvalidSignatureError:
            continue
        except jwt.ExpiredSignatureError:
            raise NotAccepted(Reason.EXPIRED) from None
        except jwt.ImmatureSignatureError:
            raise NotAccepted(Reason.EARLY) from None
        except jwt.InvalidAudienceError:
            raise NotAccepted(Reason.AUDIENCE) from None
        except jwt.MissingRequiredClaimError as error:
            raise NotAccepted(Reason.AUDIENCE if error.claim == "aud" else Reason.CLAIMS) from None
        except jwt.InvalidAlgorithmError:
            raise NotAccepted(Reason.ALGORITHM) from None
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
            raise NotAccepted(Reason.MALFORMED) from None
    raise NotAccepted(Reason.SIGNATURE)


def _written(value: Any) -> str:
    """A claim as a header can carry it: what is no printable ASCII, and the comma inside an item of a list, is percent-encoded."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return ",".join(_written(item).replace(",", "%2C") for item in value)
    if isinstance(value, Mapping):
        return quote(json.dumps(value, separators=(",", ":"), ensure_ascii=True), safe=_PRINTABLE)
    return quote(str(value), safe=_PRINTABLE) if isinstance(value, (str, int, float)) else ""
