# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Self-signed placeholders, so that nginx can start before any authority has issued: its answer is what the authority asks for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone

from ..hostconfig.entries import Change, Entry, compare, write
from .certificates import Layout, Wanted, complete, link_entry

YEARS = 10
# The folders' modes: the keys are root's, the links are nobody's secret.
PUBLIC, PRIVATE = 0o755, 0o700


def self_signed(wanted: Wanted) -> tuple[bytes, bytes]:
    """Certificate and key as PEM, ECDSA P-256, valid for ten years. The subject says what it is."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    # A common name has 64 characters at most (RFC 5280, ub-common-name); clients look at the alternative names only.
    subject = x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "placeholder"), x509.NameAttribute(NameOID.COMMON_NAME, wanted.domains[0][:64])]
    )
    now = datetime.now(timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=365 * YEARS))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(domain) for domain in wanted.domains]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return certificate.public_bytes(pem), private


def folders(layout: Layout) -> list[Entry]:
    """The folders that everything is in; those above it are made when missing and otherwise left as they are."""
    above = [folder for folder in (layout.tls.parent,) if not folder.exists()]
    return [
        *(Entry(path=folder, state="directory", mode=PUBLIC) for folder in above),
        Entry(path=layout.tls, state="directory", mode=PUBLIC),
        Entry(path=layout.tls / ".placeholder", state="directory", mode=PRIVATE),
    ]


def ensure_placeholders(wanted: Sequence[Wanted], layout: Layout | None = None, *, check_mode: bool = False) -> list[Change]:
    """Give every certificate a link that works: to its own or the issued one when there is one, to a placeholder otherwise.

    :returns: what was, or in check mode would be, changed; private keys never show in a diff.
    """
    place = layout or Layout()
    changes: list[Change] = []

    def bring_about(entry: Entry) -> None:
        if change := compare(entry):
            changes.append(change)
            if not check_mode:
                write(entry)

    for folder in folders(place) if wanted else ():
        bring_about(folder)
    for certificate in wanted:
        stand_in = place.placeholder(certificate.name)
        if not any(complete(folder) for folder in (place.own(certificate.name), place.live(certificate.name), stand_in)):
            chain, key = (b"", b"") if check_mode else self_signed(certificate)
            bring_about(Entry(path=stand_in, state="directory", mode=PRIVATE))
            bring_about(Entry(path=stand_in / "privkey.pem", content=key, mode=0o600, sensitive=True))
            bring_about(Entry(path=stand_in / "fullchain.pem", content=chain, sensitive=True))
        bring_about(link_entry(place, certificate.name))
    return changes
