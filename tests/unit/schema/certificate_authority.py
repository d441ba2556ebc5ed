# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A certificate authority of the tests: a root, an intermediate, and whatever it is asked to issue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NAMES = ("app.example.com", "www.app.example.com")
PEM = serialization.Encoding.PEM


def pem_of(key: Any, form: Any = serialization.PrivateFormat.PKCS8, password: bytes | None = None) -> bytes:
    """A private key as text."""
    hidden: Any = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    text: bytes = key.private_bytes(PEM, form, hidden)
    return text


@dataclass(frozen=True)
class Issued:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: Any

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(PEM)

    @property
    def key_pem(self) -> bytes:
        return pem_of(self.key)


def issue(
    name: str,
    issuer: Issued | None = None,
    *,
    names: Sequence[str] = (),
    authority: bool = False,
    key: Any = None,
    days: tuple[float, float] = (-1, 90),
    extensions: Sequence[x509.ExtensionType] = (),
    digest: Any = None,
) -> Issued:
    """One certificate.

    :param issuer: itself without one.
    :param days: begin and end, counted from now.
    """
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(timezone.utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(item) for item in names]), critical=False)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    signed_by = issuer.key if issuer else key
    algorithm = digest or (hashes.SHA256() if hasattr(signed_by, "curve") or hasattr(signed_by, "private_numbers") else None)
    return Issued(builder.sign(signed_by, algorithm), key)


@dataclass(frozen=True)
class Authority:
    """A company: its root, an intermediate, and a site."""

    root: Issued
    intermediate: Issued
    site: Issued

    @property
    def chain(self) -> bytes:
        return self.site.pem + self.intermediate.pem


def company() -> Authority:
    """A fresh one."""
    root = issue("Company Root", authority=True, days=(-10, 3650))
    intermediate = issue("Company Issuing", root, authority=True, days=(-10, 1825))
    site = issue("app.example.com", intermediate, names=NAMES, extensions=[x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])])
    return Authority(root, intermediate, site)
