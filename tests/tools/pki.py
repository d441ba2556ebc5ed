# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An authority of certificates for tests: of servers, of clients, and lists of those that were revoked."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PEM = serialization.Encoding.PEM


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _now() -> dt.datetime:
    return dt.datetime.now(dt.timezone.utc)


@dataclass
class Authority:
    """An authority with its key."""

    common: str
    folder: Path
    days: int = 30

    def __post_init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        builder = self._builder(self.common, self.key.public_key(), _now() + dt.timedelta(days=self.days), _name(self.common))
        usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).add_extension(usage, critical=True)
        self.certificate = builder.sign(self.key, hashes.SHA256())
        self.pem = self.certificate.public_bytes(PEM).decode()
        self.file = self.folder / f"{self.common}.pem"
        self.file.write_text(self.pem)

    def _builder(self, common: str, public: ec.EllipticCurvePublicKey, until: dt.datetime, issuer: x509.Name) -> x509.CertificateBuilder:
        builder = x509.CertificateBuilder().subject_name(_name(common)).issuer_name(issuer).public_key(public)
        start = min(_now(), until) - dt.timedelta(days=60)
        return builder.serial_number(x509.random_serial_number()).not_valid_before(start).not_valid_after(until)

    def _issued(self, common: str, until: dt.datetime, names: Sequence[str] = ()) -> tuple[x509.Certificate, bytes]:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self._builder(common, key.public_key(), until, self.certificate.subject)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        certificate = builder.sign(self.key, hashes.SHA256())
        return certificate, key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())

    def server(self, name: str, folder: Path) -> None:
        """A certificate of a server, in files as nginx reads them."""
        certificate, key = self._issued(name, _now() + dt.timedelta(days=20), [name])
        (folder / "fullchain.pem").write_bytes(certificate.public_bytes(PEM))
        (folder / "privkey.pem").write_bytes(key)

    def client(self, common: str, *, expired: bool = False) -> tuple[Path, x509.Certificate]:
        """A certificate of a client with its key, in one file."""
        certificate, key = self._issued(common, _now() + dt.timedelta(days=-1 if expired else 20))
        file = self.folder / f"{self.common}-{common}.pem"
        file.write_bytes(certificate.public_bytes(PEM) + key)
        return file, certificate

    def revoked(self, certificates: Sequence[x509.Certificate], *, expired: bool = False) -> str:
        """A revocation list."""
        until = _now() + dt.timedelta(days=-1 if expired else 5)
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.certificate.subject)
        builder = builder.last_update(until - dt.timedelta(days=30)).next_update(until)
        for certificate in certificates:
            entry = x509.RevokedCertificateBuilder().serial_number(certificate.serial_number).revocation_date(_now()).build()
            builder = builder.add_revoked_certificate(entry)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(PEM).decode()
