# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates of servers that an operator brings: what would have nginx refuse them, or clients, said before either sees them.

The form of the text is judged with the standard library alone; what is inside, by the library C(cryptography).
"""

from __future__ import annotations

import base64
import binascii
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from .nodes import Refused

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

LEAST_RSA = 2048  # bits, CA/Browser Forum, Baseline Requirements 6.1.5
CURVES = ("secp256r1", "secp384r1")  # those of them that browsers have
WEAK = ("md5", "sha1")
_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----", re.DOTALL)
_BASE64 = re.compile(rb"[A-Za-z0-9+/=\s]+")
_PRIVATE = re.compile(rb"(?:RSA |EC |DSA )?PRIVATE KEY")
_JAVA = b"\xfe\xed\xfe\xed"
_PKCS7 = bytes.fromhex("06092a864886f70d0107")
_DER_TO_PEM = {"chain": "openssl x509 -inform DER -in FILE -out FILE.pem", "key": "openssl pkey -inform DER -in FILE -out FILE.pem"}
_PKCS12_TO_PEM = {
    "chain": "openssl pkcs12 -in FILE -nokeys -out chain.pem",
    "key": "openssl pkcs12 -in FILE -nocerts -nodes -out key.pem",
}


@dataclass(frozen=True)
class Pair:
    """A chain, its key, and the names that they are for.

    :param key: None where it cannot be looked at here; then nothing is said of it.
    :param ca: certificates of the authority that the chain must end at, PEM; empty for those that clients have.
    :param trusted: the certificates that the host trusts; None where that cannot be known here.
    """

    chain: bytes
    names: Sequence[str]
    key: bytes | None = None
    ca: bytes = b""
    trusted: Callable[[], Sequence[Certificate]] | None = None


@dataclass(frozen=True)
class Wrong:
    """What is wrong with a part of a pair: C(chain), C(key) or C(ca)."""

    part: str
    problem: str
    fix: str


def pem(data: bytes, part: str) -> bytes:
    """The blocks of a part alone, as nginx reads them: without comments, bags of attributes and line ends of other systems.

    :raises Refused: it is another format, with the command that converts it, or something else in PEM.
    """
    blocks = [(label.decode(), body) for label, body in _BLOCK.findall(data)]
    if not blocks:
        raise _foreign(data, part)
    return _certificates(blocks) if part != "key" else _key(blocks)


def _foreign(data: bytes, part: str) -> Refused:
    """What is there instead of PEM, and the command that makes PEM of it."""
    what = "a private key" if part == "key" else "a certificate"
    text = data.strip()
    if not text:
        return Refused("is empty", f"write {what} in PEM")
    if data.startswith(_JAVA):
        fix = "convert it: keytool -importkeystore -srckeystore FILE -destkeystore FILE.p12 -deststoretype PKCS12, then "
        return Refused("is a key store of Java, not PEM", fix + _PKCS12_TO_PEM[_half(part)])
    der = data if data.startswith(b"0") and not _BASE64.fullmatch(text) else _decoded(text)
    decode = "" if der == data else "decode it (base64 -d), and "
    if not der.startswith(b"0"):
        return Refused(f"is not {what} in PEM", f"write the text that begins with -----BEGIN, of {what}")
    if b"\x02\x01\x03" in der[1:8]:
        return Refused("is PKCS#12 (.p12, .pfx), not PEM", f"{decode}convert it: {_PKCS12_TO_PEM[_half(part)]}")
    if _PKCS7 in der[1:24]:
        return Refused("is PKCS#7 (.p7b), not PEM", f"{decode}convert it: openssl pkcs7 -inform DER -print_certs -in FILE -out chain.pem")
    if decode:
        label = "PRIVATE KEY" if part == "key" else "CERTIFICATE"
        return Refused("is base64 without its first and last line", f"add -----BEGIN {label}----- and -----END {label}-----")
    return Refused("is DER (binary), not PEM", f"convert it: {_DER_TO_PEM[_half(part)]}")


def _decoded(text: bytes) -> bytes:
    try:
        return base64.b64decode(b"".join(text.split()), validate=True)
    except binascii.Error:
        return b""


def _half(part: str) -> str:
    return "key" if part == "key" else "chain"


def _certificates(blocks: Sequence[tuple[str, bytes]]) -> bytes:
    """Only certificates: a file that has the key in it as well is read by everybody."""
    found = []
    for label, body in blocks:
        if "PRIVATE KEY" in label:
            problem = "holds a private key, and a chain is read by everybody"
            raise Refused(
                problem, "write the certificates only; the key is key_secret or key_file, and a new one if it was in an inventory"
            )
        if label.endswith("CERTIFICATE REQUEST"):
            raise Refused("is a request for a certificate, not the certificate", "write what the authority has sent for it")
        if label == "PKCS7":
            raise Refused("is PKCS#7 (.p7b)", "convert it: openssl pkcs7 -print_certs -in FILE -out chain.pem")
        if label == "TRUSTED CERTIFICATE":
            raise Refused("is OpenSSL's own form of a trusted certificate", "convert it: openssl x509 -in FILE -out FILE.pem")
        if label in ("CERTIFICATE", "X509 CERTIFICATE"):
            found.append(_rewritten("CERTIFICATE", body))
    if not found:
        raise Refused(f"has no certificate in it, but {', '.join(label for label, _body in blocks)}", "write -----BEGIN CERTIFICATE-----")
    return b"".join(found)


def _key(blocks: Sequence[tuple[str, bytes]]) -> bytes:
    keys = []
    for label, body in blocks:
        if label == "ENCRYPTED PRIVATE KEY" or b"ENCRYPTED" in body.partition(b"\n\n")[0]:
            problem = "is encrypted by a pass phrase, and nginx would ask for it at each start"
            raise Refused(problem, "decrypt it: openssl pkey -in FILE -out FILE.pem; the secret store and mode 0600 protect it instead")
        if _PRIVATE.fullmatch(label.encode()):
            keys.append(_rewritten(label, body))
    if not keys:
        raise Refused(f"has no private key in it, but {', '.join(label for label, _body in blocks)}", "write -----BEGIN PRIVATE KEY-----")
    if len(keys) > 1:
        raise Refused(f"has {len(keys)} private keys in it", "write that of the first certificate only")
    return keys[0]


def _rewritten(label: str, body: bytes) -> bytes:
    text = b"".join(body.split())
    lines = b"\n".join(text[at : at + 64] for at in range(0, len(text), 64))
    return b"-----BEGIN %b-----\n%b\n-----END %b-----\n" % (label.encode(), lines, label.encode())


def read_certificates(data: bytes) -> list[Certificate]:
    """The certificates of a text in PEM, in their order.

    :raises Refused: one of them cannot be read.
    """
    from cryptography import x509

    certificates = []
    for index, (label, body) in enumerate(_BLOCK.findall(data)):
        try:
            certificates.append(x509.load_pem_x509_certificate(_rewritten(label.decode(), body)))
        except ValueError as error:
            raise Refused(f"certificate {index + 1} in it cannot be read: {error}", "write it as the authority has sent it") from None
    return certificates


def problems_of(pair: Pair, now: float | None = None, *, dates: bool = True) -> list[Wrong]:
    """All that is wrong, or the one thing for which the rest cannot be looked at.

    :param dates: say whether the certificates are valid now.
    """
    try:
        chain = read_certificates(pem(pair.chain, "chain"))
    except Refused as error:
        return [Wrong("chain", error.problem, error.fix)]
    key = None
    if pair.key is not None:
        try:
            key = _public(_private(pem(pair.key, "key")))
        except Refused as error:
            return [Wrong("key", error.problem, error.fix)]
    if wrong := _disordered(chain, key):
        return [wrong]
    found = [_incomplete(chain, pair), _of_purpose(chain[0]), _uncovered(chain[0], pair.names), _stapled(chain[0])]
    found += [_weak(certificate, index) for index, certificate in enumerate(chain)]
    if dates:
        found += [_outdated(certificate, time.time() if now is None else now) for certificate in chain]
    return [wrong for wrong in found if wrong]


def _private(data: bytes) -> Any:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    try:
        return serialization.load_pem_private_key(data, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # Without the reason of the library: it may quote what it has read.
        raise Refused("cannot be read as a private key", "look at it: openssl pkey -in FILE -noout -check") from None


def _public(holder: Any) -> bytes:
    """The public key of a private key or a certificate, as bytes that can be compared."""
    from cryptography.hazmat.primitives import serialization

    encoded: bytes = holder.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return encoded


def _name(certificate: Certificate) -> str:
    return certificate.subject.rfc4514_string() or f"serial {certificate.serial_number:x}"


def _disordered(chain: Sequence[Certificate], key: bytes | None) -> Wrong | None:
    """The certificate of the key first, and after each the one that has issued it (RFC 8446, 4.4.2; nginx's ssl_certificate)."""
    if key is not None:
        of_key = [index for index, certificate in enumerate(chain) if _public(certificate) == key]
        if not of_key:
            fix = "write the key of this certificate; `openssl pkey -in KEY -pubout` and `openssl x509 -in CHAIN -noout -pubkey` agree then"
            return Wrong("key", f"does not fit the certificate of {_name(chain[0])}", fix)
        first = of_key[0]
    else:
        first = next((index for index, certificate in enumerate(chain) if not _is_authority(certificate)), 0)
    ordered = _ordered(chain, first)
    if list(chain[: len(ordered)]) == ordered and len(chain) == len(ordered):
        return None
    if len(ordered) == len(chain):
        names = "; ".join(_name(certificate) for certificate in ordered)
        return Wrong("chain", "is in the wrong order", f"write the certificates in this order: {names}")
    repeated = next((certificate for certificate in chain if chain.count(certificate) > 1), None)
    if repeated:
        return Wrong("chain", f"has {_name(repeated)} twice", "write it once")
    stray = next(certificate for certificate in chain if certificate not in ordered)
    problem = f"has {_name(stray)}, which has issued none of the others; {_name(ordered[-1])} was issued by"
    problem = f"{problem} {ordered[-1].issuer.rfc4514_string()}"
    return Wrong("chain", problem, "remove it, and write the certificate of that issuer in its place")


def _ordered(chain: Sequence[Certificate], first: int) -> list[Certificate]:
    """From one certificate up, as far as the others lead."""
    ordered, rest = [chain[first]], [certificate for index, certificate in enumerate(chain) if index != first]
    while issuer := next((other for other in rest if other not in ordered and issued(ordered[-1], other)), None):
        ordered.append(issuer)
        rest.remove(issuer)
    return ordered


def issued(certificate: Certificate, issuer: Certificate) -> bool:
    """By name and by signature; where the library cannot verify the signature, by name."""
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

    if certificate.issuer != issuer.subject:
        return False
    key: Any = issuer.public_key()
    try:
        digest: Any = certificate.signature_hash_algorithm
        if isinstance(key, rsa.RSAPublicKey):
            if certificate.signature_algorithm_oid.dotted_string == "1.2.840.113549.1.1.10":
                return True  # RSASSA-PSS, whose parameters older libraries do not tell
            key.verify(certificate.signature, certificate.tbs_certificate_bytes, padding.PKCS1v15(), digest)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(certificate.signature, certificate.tbs_certificate_bytes, ec.ECDSA(digest))
        else:
            key.verify(certificate.signature, certificate.tbs_certificate_bytes)
    except InvalidSignature:
        return False
    except (UnsupportedAlgorithm, TypeError, ValueError, AttributeError):
        return True
    return True


def _incomplete(chain: Sequence[Certificate], pair: Pair) -> Wrong | None:
    """The last one is issued by somebody whom clients have."""
    last = chain[-1]
    alone = len(chain) == 1 and last.issuer == last.subject
    if pair.ca:
        try:
            authorities = read_certificates(pem(pair.ca, "ca"))
        except Refused as error:
            return Wrong("ca", error.problem, error.fix)
        if last in authorities or any(issued(last, authority) for authority in authorities):
            return None
        names = "; ".join(_name(authority) for authority in authorities)
        problem = f"ends with {_name(last)}, issued by {last.issuer.rfc4514_string()}, and not by the authority of ca ({names})"
        return Wrong("chain", problem, "append the certificates between the two, or write the authority of this chain as ca")
    if last.issuer == last.subject and not alone:
        return None
    if pair.trusted is None:
        return None
    if last in (trusted := pair.trusted()) or any(issued(last, authority) for authority in trusted):
        return None
    if alone:
        return Wrong("chain", "is signed by itself, and no client trusts it", "write it as ca as well, if your clients have it")
    problem = f"ends with {_name(last)}, whose issuer {last.issuer.rfc4514_string()} is neither in it nor trusted by this host"
    fix = "append the certificate of that issuer (an authority calls it intermediate or bundle); where it is a root that your clients have"
    return Wrong("chain", problem, f"{fix}, of a company or of Cloudflare's origin certificates, write it as ca")


def _extension(certificate: Certificate, name: str) -> Any:
    """The value of an extension; None where there is none."""
    from cryptography import x509

    try:
        return certificate.extensions.get_extension_for_class(getattr(x509, name)).value
    except x509.ExtensionNotFound:
        return None


def _is_authority(certificate: Certificate) -> bool:
    constraints = _extension(certificate, "BasicConstraints")
    return bool(constraints and constraints.ca)


def _of_purpose(certificate: Certificate) -> Wrong | None:
    from cryptography.x509.oid import ExtendedKeyUsageOID

    if _is_authority(certificate) and certificate.issuer != certificate.subject:
        fix = "write the certificate of the server first, and this one after it"
        return Wrong("chain", f"begins with {_name(certificate)}, which is an authority", fix)
    purposes = _extension(certificate, "ExtendedKeyUsage")
    if purposes is not None and not {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE} & set(purposes):
        return Wrong("chain", "is not for servers (extendedKeyUsage)", "have one issued with serverAuth")
    return None


def _uncovered(certificate: Certificate, names: Sequence[str]) -> Wrong | None:
    from cryptography import x509

    extension = _extension(certificate, "SubjectAlternativeName")
    covered = [name.lower() for name in extension.get_values_for_type(x509.DNSName)] if extension else []
    if not covered:
        problem = "has no names that clients look at (subjectAltName); they do not look at the common name"
        return Wrong("chain", problem, "have one issued with DNS names")
    missing = [name for name in names if not any(_covers(pattern, name) for pattern in covered)]
    if missing:
        problem = f"is not for {', '.join(missing)}, but for {', '.join(covered)}"
        return Wrong("chain", problem, "have one issued for all names of the site, aliases included, or write the one that is")
    return None


def _covers(pattern: str, name: str) -> bool:
    """A wildcard stands for one label (RFC 6125, 6.4.3)."""
    return pattern == name or (pattern.startswith("*.") and name.partition(".")[2] == pattern[2:])


def _stapled(certificate: Certificate) -> Wrong | None:
    from cryptography import x509

    features = _extension(certificate, "TLSFeature")
    if features is not None and x509.TLSFeatureType.status_request in list(features):
        problem = "demands a stapled OCSP answer (must-staple), and browsers refuse it whenever nginx has none at hand, as after each start"
        return Wrong("chain", problem, "have one issued without must-staple")
    return None


def _weak(certificate: Certificate, index: int) -> Wrong | None:
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    key = certificate.public_key()
    part = "key" if index == 0 else "chain"
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < LEAST_RSA:
        return Wrong(part, f"of {_name(certificate)} is weak (RSA, {key.key_size} bits)", f"use ECDSA P-256, or RSA with {LEAST_RSA} bits")
    if index == 0 and not (isinstance(key, rsa.RSAPublicKey) or (isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in CURVES)):
        kind = key.curve.name if isinstance(key, ec.EllipticCurvePublicKey) else type(key).__name__.strip("_").removesuffix("PublicKey")
        return Wrong("key", f"is of a kind that browsers do not have ({kind})", f"use ECDSA P-256, or RSA with {LEAST_RSA} bits")
    digest = _digest(certificate)
    if digest in WEAK and certificate.issuer != certificate.subject:
        problem = f"has {_name(certificate)}, signed by {digest.upper()}, which OpenSSL and browsers refuse"
        return Wrong("chain", problem, "have it issued anew with SHA-256")
    return None


def _digest(certificate: Certificate) -> str:
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        algorithm = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return ""
    return algorithm.name if algorithm else ""


def _outdated(certificate: Certificate, now: float) -> Wrong | None:
    begin, end = moment(certificate, "not_valid_before"), moment(certificate, "not_valid_after")
    if now >= end:
        return Wrong("chain", f"has {_name(certificate)}, which has expired ({_day(end)})", "write the present one")
    if now < begin:
        fix = "wait until then, or look at the clock of the host and at the certificate"
        return Wrong("chain", f"has {_name(certificate)}, which is not valid before {_day(begin)}", fix)
    return None


def moment(certificate: Certificate, which: str) -> float:
    """A time of a certificate; the naive accessors leave new releases of cryptography, the aware ones are missing in Debian 12's."""
    aware: datetime | None = getattr(certificate, f"{which}_utc", None)
    return (aware or getattr(certificate, which).replace(tzinfo=timezone.utc)).timestamp()


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
