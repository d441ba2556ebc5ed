# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates that an operator brings for mutual TLS between hosts: whatever would have one side refuse the other, said before."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any

from ..schema.nodes import Refused
from ..schema.server_certificate import Wrong, issued, moment, pem, read_certificates

if TYPE_CHECKING:
    from cryptography.x509 import Certificate


class Side(str, Enum):
    """What a certificate is shown as."""

    SERVER = "SERVER_AUTH"
    CLIENT = "CLIENT_AUTH"


def wrongs(authority: bytes, chain: bytes, key: bytes, sides: Sequence[Side], name: str = "", now: float | None = None) -> Iterator[Wrong]:
    """All that is wrong with three files, each in PEM; of the parts ``authority``, ``certificate`` and ``key``.

    :param sides: what it has to be for.
    :param name: that it has to have, for a server.
    """
    authorities = yield from _read(authority, "authority")
    certificates = yield from _read(chain, "certificate")
    if not authorities or not certificates:
        return
    own = certificates[0]
    yield from _key(key, own)
    # Programs build the way up themselves, out of what the file has besides.
    last = _top(own, certificates)
    if last not in authorities and not any(issued(last, other) for other in authorities):
        names = "; ".join(other.subject.rfc4514_string() for other in authorities)
        problem = f"is issued by {last.issuer.rfc4514_string()}, and not by the authority ({names})"
        yield Wrong("certificate", problem, "have one issued by that authority, or bring the authority of this one to all hosts")
    yield from _dates(own, time.time() if now is None else now)
    yield from _purposes(own, sides)
    if Side.SERVER in sides:
        yield from _names(own, name)


def _read(data: bytes, part: str) -> Any:
    """Certificates of a file; what is wrong with it is given on the way."""
    try:
        return read_certificates(pem(data, "chain"))
    except Refused as error:
        yield Wrong(part, error.problem, error.fix)
        return []


def _top(own: Certificate, certificates: Sequence[Certificate]) -> Certificate:
    top, rest = own, [other for other in certificates if other != own]
    while issuer := next((other for other in rest if issued(top, other)), None):
        top = issuer
        rest.remove(issuer)
    return top


def _key(data: bytes, certificate: Certificate) -> Iterator[Wrong]:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    try:
        key = serialization.load_pem_private_key(pem(data, "key"), None)
    except Refused as error:
        yield Wrong("key", error.problem, error.fix)
        return
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # Without the reason of the library: it may quote what it has read.
        yield Wrong("key", "cannot be read as a private key", "look at it: openssl pkey -in FILE -noout -check")
        return
    form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    if key.public_key().public_bytes(*form) != certificate.public_key().public_bytes(*form):
        yield Wrong("key", f"does not fit the certificate of {certificate.subject.rfc4514_string()}", "write the key of this certificate")


def _dates(certificate: Certificate, now: float) -> Iterator[Wrong]:
    if now >= moment(certificate, "not_valid_after"):
        yield Wrong("certificate", "has expired", "write the present one; role host_certificates renews its own by itself")
    elif now < moment(certificate, "not_valid_before"):
        yield Wrong("certificate", "is not valid yet, by the clock of this host", "look at the clock (timedatectl), and at the certificate")


def _purposes(certificate: Certificate, sides: Sequence[Side]) -> Iterator[Wrong]:
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    try:
        usages = list(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except x509.ExtensionNotFound:
        return
    for side in sides:
        if not {getattr(ExtendedKeyUsageOID, side.value), ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE} & set(usages):
            kind, usage = ("servers", "serverAuth") if side is Side.SERVER else ("clients", "clientAuth")
            yield Wrong("certificate", f"is not for {kind} (extendedKeyUsage)", f"have one issued with {usage}")


def _names(certificate: Certificate, name: str) -> Iterator[Wrong]:
    """A client of Go refuses what has its name as a common name alone."""
    from cryptography import x509

    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        problem = "has no subjectAltName, and clients do not look at the common name"
        yield Wrong("certificate", problem, f"have one issued with the name {name or 'of the host'} in it")
        return
    names = [*extension.get_values_for_type(x509.DNSName), *map(str, extension.get_values_for_type(x509.IPAddress))]
    if name and name.lower() not in [known.lower() for known in names] and f"*.{name.partition('.')[2]}" not in names:
        yield Wrong("certificate", f"is for {', '.join(names)}, and not for {name}", "have one issued for the host's name in the inventory")
