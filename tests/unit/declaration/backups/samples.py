# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Public keys, a secret one that is none, and a certificate for the tests of backups."""

from __future__ import annotations

import base64
import secrets
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

# The example of age's own manual.
AGE = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
AGE_SECRET = "AGE-SECRET-KEY-1" + "Q" * 58


def ssh_line(kind: str, bits: int = 2048) -> str:
    """A fresh public key as it stands in C(authorized_keys), without a comment."""
    key: ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey
    if kind == "rsa":  # nobody signs with it, so no primes have to be found in each process that collects tests
        key = rsa.RSAPublicNumbers(65537, secrets.randbits(bits) | 1 << (bits - 1) | 1).public_key()
    elif kind == "ed25519":
        key = ed25519.Ed25519PrivateKey.generate().public_key()
    else:
        key = ec.generate_private_key(ec.SECP256R1()).public_key()
    return key.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()


def ssh_blob(*parts: bytes) -> str:
    return base64.b64encode(b"".join(len(part).to_bytes(4, "big") + part for part in parts)).decode()


def _certificate() -> str:
    key = ed25519.Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=1))
    return builder.sign(key, None).public_bytes(serialization.Encoding.PEM).decode()


CERTIFICATE = _certificate()
