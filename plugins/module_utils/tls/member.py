# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificate by which other hosts of the inventory know this one: its key is made here and never leaves.

FOLDER/key.pem          for root and one group; a new one for each certificate
FOLDER/next.key         of a certificate that is asked for, until it is there
FOLDER/certificate.pem  what the authority has signed
FOLDER/authority.pem    whom this host trusts: the authority, and one that comes or goes
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..contracts.host_certificates import CertificateRequest, is_address
from ..core.atomic_files import write_atomic
from ..hostconfig.entries import Entry
from ..hostconfig.transaction import ConfigSet, Outcome, apply
from ..schema.nodes import Refused
from ..schema.server_certificate import issued, moment, read_certificates
from .authority import ORGANIZATION, fingerprint
from .certificates import DAY, CertificateError

if TYPE_CHECKING:
    from cryptography import x509

# Share of its days below which a run should have renewed it long ago: each does at a third.
LATE = 0.25
CERTIFICATE, KEY, TRUSTED, NEXT = "certificate.pem", "key.pem", "authority.pem", "next.key"


@dataclass(frozen=True)
class Asked:
    """What this host has, and what it asks for.

    :param reason: why it needs a new certificate; empty where it does not.
    """

    request: CertificateRequest
    reason: str
    ends: float = 0


def ask(folder: Path, host: str, addresses: Sequence[str], *, check_mode: bool = False, now: float | None = None) -> Asked:
    """A request for a certificate, signed by the key that it will be for. A key is made where a new certificate is needed.

    :raises CertificateError: what is there cannot be read.
    """
    moment_now = time.time() if now is None else now
    trusted, own = _read(folder / TRUSTED), _read(folder / CERTIFICATE)
    certificate = own[0] if own else None
    issuer = next((authority for authority in trusted if certificate and issued(certificate, authority)), None)
    reason = _reason(folder, certificate, issuer, [normal(name) for name in (host, *addresses)], moment_now)
    request = CertificateRequest(
        host=host,
        addresses=tuple(addresses),
        csr=_request(_own_key(folder, fresh=bool(reason), check_mode=check_mode), host),
        due=bool(reason),
        trusts=tuple(fingerprint(authority) for authority in trusted),
        issuer=fingerprint(issuer) if issuer else "",
        newest=max((_generation(authority) for authority in trusted), default=0),
        clock=moment_now,
    )
    return Asked(request, reason, moment(certificate, "not_valid_after") if certificate else 0)


def _reason(folder: Path, certificate: x509.Certificate | None, issuer: x509.Certificate | None, names: Sequence[str], now: float) -> str:
    """Why a new certificate is needed."""
    if certificate is None:
        return "there is none yet"
    key = _load_key(folder / KEY)
    if key is None:
        return "its key is gone"
    if _public(key) != _public(certificate):
        return "its key is of another one"
    if issuer is None:
        return "it is of an authority that this host does not trust"
    begins, ends = moment(certificate, "not_valid_before"), moment(certificate, "not_valid_after")
    if ends - now < (ends - begins) / 3:
        return "it has ended" if ends <= now else "less than a third of its days is left"
    if now < begins:
        return "it is not valid yet, by the clock of this host"
    if names_of(certificate) != set(names):
        return f"it is for {', '.join(sorted(names_of(certificate)))}"
    return ""


def install(
    folder: Path, certificate: str, bundle: str, group: int, *, activate: Sequence[Sequence[str]] = (), check_mode: bool = False
) -> Outcome:
    """Put what the authority gave into service: a certificate with its key, and whom to trust.

    :param certificate: PEM; empty where there is no new one.
    :param activate: commands that have their readers take it.
    :raises CertificateError: it cannot be used; nothing was changed.
    :raises ConfigSetError: a reader did not take it; the old files are back.
    """
    entries = [Entry(path=folder, state="directory", mode=0o755)]
    try:
        trusted = read_certificates(bundle.encode())
        if not trusted:
            raise Refused("has no certificate in it", "run role host_certificates again")
    except Refused as error:
        raise CertificateError(f"authority: {error.problem}: {error.fix}") from None
    if certificate:
        key = _fitting(folder, certificate, trusted)
        entries.append(Entry(path=folder / KEY, content=key, mode=0o640, gid=group, sensitive=True))
        entries.append(Entry(path=folder / CERTIFICATE, content=certificate.encode()))
    elif (folder / KEY).exists():
        entries.append(Entry(path=folder / KEY, content=(folder / KEY).read_bytes(), mode=0o640, gid=group, sensitive=True))
    entries.append(Entry(path=folder / TRUSTED, content=bundle.encode()))
    outcome = apply(ConfigSet("host certificate", entries, activate=activate, parents=True), check_mode=check_mode)
    if certificate and not check_mode:
        (folder / NEXT).unlink(missing_ok=True)
    return outcome


def _fitting(folder: Path, certificate: str, trusted: Sequence[x509.Certificate]) -> bytes:
    """The key of a certificate.

    :raises CertificateError: neither key of this host is, or none of the authorities has signed it, or it is not valid by this clock.
    """
    try:
        (parsed,) = read_certificates(certificate.encode())
    except (Refused, ValueError):
        raise CertificateError("certificate: it cannot be read: run role host_certificates again") from None
    if not any(issued(parsed, authority) for authority in trusted):
        raise CertificateError("certificate: it is of none of the authorities that came with it: run role host_certificates again")
    begins, ends, now = moment(parsed, "not_valid_before"), moment(parsed, "not_valid_after"), time.time()
    if not begins <= now < ends:
        raise CertificateError("certificate: it is not valid by the clock of this host: correct the clock (timedatectl), and run again")
    for path in (folder / NEXT, folder / KEY):
        key = _load_key(path)
        if key is not None and _public(key) == _public(parsed):
            return path.read_bytes()
    raise CertificateError(f"certificate: its key is not in {folder}: another run has asked meanwhile; run role host_certificates again")


def validity(folder: Path) -> tuple[float, float]:
    """When the present certificate begins and ends, in seconds since the epoch; zeros where there is none."""
    own = _read(folder / CERTIFICATE)
    return (moment(own[0], "not_valid_before"), moment(own[0], "not_valid_after")) if own else (0, 0)


def about(folder: Path, now: float | None = None) -> dict[str, Any]:
    """Names, authority and days left of the present certificate, and whether it should have been renewed; nothing where there is none."""
    own = _read(folder / CERTIFICATE)
    if not own:
        return {}
    (begins, ends), moment_now = validity(folder), time.time() if now is None else now
    return {
        "names": sorted(names_of(own[0])),
        "authority": own[0].issuer.rfc4514_string(),
        "days_left": int((ends - moment_now) // DAY),
        "late": ends - moment_now < (ends - begins) * LATE,
    }


def names_of(certificate: x509.Certificate) -> set[str]:
    """Names and addresses that a certificate is for."""
    from cryptography import x509

    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
    return {*extension.get_values_for_type(x509.DNSName), *map(str, extension.get_values_for_type(x509.IPAddress))}


def normal(name: str) -> str:
    """A name or address as certificates have it."""
    return str(ipaddress.ip_address(name)) if is_address(name) else name


def _generation(certificate: x509.Certificate) -> int:
    """That which an authority of ours has in its name; 0 of others."""
    from cryptography.x509.oid import NameOID

    words = {attribute.oid: str(attribute.value) for attribute in certificate.subject}
    if words.get(NameOID.ORGANIZATION_NAME) != ORGANIZATION:
        return 0
    parts = words.get(NameOID.COMMON_NAME, "").split()
    return int(parts[1]) if len(parts) == 3 and parts[0] == "hosts" and parts[1].isdigit() else 0


def _read(path: Path) -> list[x509.Certificate]:
    """The certificates of a file; none where there is none, or it is damaged: then it is made anew."""
    try:
        return read_certificates(path.read_bytes())
    except (FileNotFoundError, Refused):
        return []


def _load_key(path: Path) -> Any:
    from cryptography.hazmat.primitives import serialization

    try:
        return serialization.load_pem_private_key(path.read_bytes(), None)
    except (FileNotFoundError, ValueError, TypeError):
        return None


def _own_key(folder: Path, *, fresh: bool, check_mode: bool) -> Any:
    """The key that a request is signed by: a new one for a new certificate, once asked for until it is there."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    if not fresh:
        return _load_key(folder / KEY)
    if (waiting := _load_key(folder / NEXT)) is not None or check_mode:
        return waiting
    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    status = folder.stat()
    write_atomic(folder / NEXT, private, 0o600, status.st_uid, status.st_gid)
    return key


def _request(key: Any, host: str) -> str:
    """PEM; empty where there is no key. Its name says little: the controller says whose it is."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.x509.oid import NameOID

    if key is None:
        return ""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    csr = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return csr.public_bytes(serialization.Encoding.PEM).decode()


def _public(holder: Any) -> bytes:
    from cryptography.hazmat.primitives import serialization

    encoded: bytes = holder.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return encoded
