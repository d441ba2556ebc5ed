# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens of an identity provider for tests, made by hand, so that wrong ones can be made as well."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

AUDIENCE = "https://api.example.com"
ISSUER = "https://auth.example.com/"


def encoded(data: bytes) -> str:
    """Base64 as RFC 7515 has it."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _number(value: int, size: int = 0) -> str:
    return encoded(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


class Provider:
    """An identity provider with a key of each kind."""

    def __init__(self, kid: str = "first") -> None:
        self.kid = kid
        self.rsa = rsa.generate_private_key(65537, 2048)
        self.ec = ec.generate_private_key(ec.SECP256R1())
        self.ed = ed25519.Ed25519PrivateKey.generate()

    def key_set(self) -> dict[str, Any]:
        """Its keys (RFC 7517)."""
        of_rsa, of_ec = self.rsa.public_key().public_numbers(), self.ec.public_key().public_numbers()
        raw = self.ed.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return {
            "keys": [
                {"kty": "RSA", "use": "sig", "kid": f"{self.kid}-rsa", "alg": "RS256", "n": _number(of_rsa.n), "e": _number(of_rsa.e)},
                {"kty": "EC", "crv": "P-256", "kid": f"{self.kid}-ec", "x": _number(of_ec.x, 32), "y": _number(of_ec.y, 32)},
                {"kty": "OKP", "crv": "Ed25519", "kid": f"{self.kid}-ed", "x": encoded(raw)},
            ]
        }

    def public_pem(self) -> str:
        """The RSA key alone."""
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return self.rsa.public_key().public_bytes(serialization.Encoding.PEM, form).decode()

    def token(self, algorithm: str = "RS256", header: Mapping[str, Any] | None = None, **claims: Any) -> str:
        """A token; what is None in header or claims is left out."""
        now = int(time.time())
        kind = {"RS": "rsa", "PS": "rsa", "ES": "ec", "Ed": "ed"}.get(algorithm[:2], "rsa")
        body = {"sub": "ada", "aud": AUDIENCE, "iss": ISSUER, "iat": now, "exp": now + 300, **claims}
        head = {"alg": algorithm, "typ": "JWT", "kid": f"{self.kid}-{kind}", **(header or {})}
        signed = ".".join(encoded(json.dumps({k: v for k, v in part.items() if v is not None}).encode()) for part in (head, body))
        return f"{signed}.{encoded(self.signature(algorithm, signed.encode()))}"

    def signature(self, algorithm: str, data: bytes) -> bytes:
        """By the key of the algorithm. HS256 is what an attacker does: the public key as a shared secret."""
        if algorithm.startswith("HS"):
            return hmac.new(self.public_pem().encode(), data, hashlib.sha256).digest()
        if algorithm.startswith("RS"):
            return self.rsa.sign(data, padding.PKCS1v15(), hashes.SHA256())
        if algorithm.startswith("PS"):
            return self.rsa.sign(data, padding.PSS(padding.MGF1(hashes.SHA256()), hashes.SHA256().digest_size), hashes.SHA256())
        if algorithm.startswith("ES"):
            r, s = decode_dss_signature(self.ec.sign(data, ec.ECDSA(hashes.SHA256())))
            return r.to_bytes(32, "big") + s.to_bytes(32, "big")
        return self.ed.sign(data) if algorithm == "EdDSA" else b""
