# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Authorities of clients' certificates: what is wrong with them is said before nginx refuses everybody."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.x509 import Certificate


class AuthorityError(ValueError):
    """Certificates or revocation lists that would let nobody in, or the wrong ones."""


def require_authorities(ca: str, crl: str, now: dt.datetime | None = None) -> None:
    """Certificates of authorities that are valid now, and a list of each, where there are lists.

    :raises AuthorityError: names the certificate by its subject.
    """
    from cryptography import x509

    moment = now or dt.datetime.now(dt.timezone.utc)
    try:
        certificates = [x509.load_pem_x509_certificate(block) for block in _blocks(ca)]
        lists = [x509.load_pem_x509_crl(block) for block in _blocks(crl)]
    except ValueError as error:
        raise AuthorityError(f"is no certificate or revocation list in PEM: {error}") from None
    for certificate in certificates:
        name = certificate.subject.rfc4514_string()
        if not _is_authority(certificate):
            raise AuthorityError(
                f"{name} is no authority (basicConstraints CA:TRUE): write the certificate that issued those of the clients"
            )
        until = _utc(certificate, "not_valid_after")
        if until is not None and until < moment:
            raise AuthorityError(f"{name} has run out, and nobody would be let in: write the present one")
    if not lists:
        return
    listed = {listing.issuer for listing in lists}
    for certificate in certificates:
        if certificate.subject not in listed:
            raise AuthorityError(
                f"{certificate.subject.rfc4514_string()} has no revocation list, and nginx would refuse its clients: add it to crl"
            )
    for listing in lists:
        until = _utc(listing, "next_update")
        if until is not None and until < moment:
            raise AuthorityError(f"the revocation list of {listing.issuer.rfc4514_string()} has run out: write the present one")


def _blocks(text: str) -> list[bytes]:
    """The PEM blocks of a text; older libraries read the first one only."""
    parts = [part for part in text.split("-----BEGIN ") if part.strip()]
    return [f"-----BEGIN {part}".encode() for part in parts]


def _is_authority(certificate: Certificate) -> bool:
    from cryptography import x509

    try:
        return bool(certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
    except x509.ExtensionNotFound:
        return False


def _utc(item: object, name: str) -> dt.datetime | None:
    """A time with its zone; before cryptography 42 there is only one without."""
    aware = f"{name}_utc"
    value: dt.datetime | None = getattr(item, aware if hasattr(item, aware) else name)
    return value if value is None or value.tzinfo else value.replace(tzinfo=dt.timezone.utc)
