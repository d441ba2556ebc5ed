# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates as nginx sees them: one link a certificate, to the operator's own, or to a placeholder until an authority has issued one.

``/etc/latentum-ops/tls/<name>`` is a link to a folder with ``fullchain.pem`` and ``privkey.pem``. One rename switches both
files, so that a reload at any moment finds a certificate with its own key.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.atomic_files import read_text
from ..hostconfig.entries import Entry

if TYPE_CHECKING:
    from cryptography import x509

DAY = 86400
OWNER = "stack"  # the file beside an own certificate that says whose site it is


class CertificateError(ValueError):
    """A certificate cannot be declared, read or made like this; the message says what to do instead."""


@dataclass(frozen=True)
class Layout:
    """Where certificates live on a host."""

    tls: Path = Path("/etc/latentum-ops/tls")
    letsencrypt: Path = Path("/etc/letsencrypt")

    def link(self, name: str) -> Path:
        """What nginx names: a link to one of the three folders below."""
        return self.tls / name

    def placeholder(self, name: str) -> Path:
        """The folder of the self-signed stand-in."""
        return self.tls / ".placeholder" / name

    def own(self, name: str) -> Path:
        """The folder of the operator's own, a link to the present one of them."""
        return self.tls / ".own" / name / "current"

    def live(self, name: str) -> Path:
        """The folder that certbot keeps at the newest certificate."""
        return self.letsencrypt / "live" / name

    def renewal(self, name: str) -> Path:
        """What certbot remembers for the renewal."""
        return self.letsencrypt / "renewal" / f"{name}.conf"


@dataclass(frozen=True)
class Wanted:
    """A certificate as declared: its name, and the names it is valid for, the first being its subject."""

    name: str
    domains: tuple[str, ...]


@dataclass(frozen=True)
class CertificateState:
    """A certificate as it is; times in seconds since the epoch."""

    name: str
    path: str
    domains: tuple[str, ...]
    issuer: str
    serial: str
    key_type: str
    not_before: int
    not_after: int
    days_left: int
    placeholder: bool
    own: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for a module's result or JSON."""
        return {**asdict(self), "domains": list(self.domains)}


def wanted_from(raws: Iterable[Mapping[str, Any]]) -> list[Wanted]:
    """The declared certificates; entries of one name are one certificate for the names of all of them.

    :raises CertificateError: a name that cannot be a folder, or something that is not a domain.
    """
    merged: dict[str, dict[str, None]] = {}
    for raw in raws:
        name = str(raw["name"])
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", name):
            raise CertificateError(f"certificates: name {name!r}: write letters, digits, '.', '-' and '_', like www.example.com")
        for given in raw["domains"]:
            domain = str(given).lower().rstrip(".")
            if not re.fullmatch(r"(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", domain):
                raise CertificateError(f"certificates: {given!r} of {name} is not a domain: write a host name like www.example.com")
            merged.setdefault(name, {})[domain] = None
    return [Wanted(name, tuple(domains)) for name, domains in merged.items()]


def inspect_certificate(path: str | Path, name: str = "") -> CertificateState:
    """Read a certificate, the first of a PEM file.

    :param name: its name; the name of the folder when not given.
    :raises CertificateError: not a certificate.
    :raises OSError: not there, or not readable.
    """
    from cryptography import x509

    file = Path(path)
    try:
        parsed = x509.load_pem_x509_certificate(file.read_bytes())
    except ValueError as error:
        raise CertificateError(f"{file} is not a certificate in PEM form: {error}") from error
    begin, end = _validity(parsed)
    return CertificateState(
        name=name or file.parent.name,
        path=str(file),
        domains=tuple(_names(parsed)),
        issuer=parsed.issuer.rfc4514_string(),
        serial=f"{parsed.serial_number:x}",
        key_type=_key_type(parsed),
        not_before=begin,
        not_after=end,
        days_left=int((end - time.time()) // DAY),
        placeholder=".placeholder" in file.resolve().parts,
        own=".own" in file.resolve().parts,
    )


def _names(parsed: x509.Certificate) -> list[str]:
    from cryptography import x509

    try:
        extension = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return list(extension.value.get_values_for_type(x509.DNSName))


def _validity(parsed: x509.Certificate) -> tuple[int, int]:
    """Begin and end. The naive accessors leave new releases of cryptography, the aware ones are missing in Debian 12's."""

    def stamp(which: str) -> int:
        aware: datetime | None = getattr(parsed, f"{which}_utc", None)
        return int((aware or getattr(parsed, which).replace(tzinfo=timezone.utc)).timestamp())

    return stamp("not_valid_before"), stamp("not_valid_after")


def _key_type(parsed: x509.Certificate) -> str:
    """``ecdsa``, ``rsa``, or the class of an uncommon key."""
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    key = parsed.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey):
        return "ecdsa"
    return "rsa" if isinstance(key, rsa.RSAPublicKey) else type(key).__name__.lower()


def in_service(layout: Layout | None = None) -> list[CertificateState]:
    """Every certificate that nginx can name, sorted by name; unreadable ones are left out."""
    place = layout or Layout()
    states = []
    for file in sorted(place.tls.glob("[!.]*/fullchain.pem")):
        try:
            states.append(inspect_certificate(file))
        except (CertificateError, OSError):
            continue
    return states


def complete(folder: Path) -> bool:
    """The folder holds a certificate and its key."""
    return (folder / "fullchain.pem").exists() and (folder / "privkey.pem").exists()


def link_entry(layout: Layout, name: str, *, own: bool = True) -> Entry:
    """The link as it should be: to the operator's own certificate, to certbot's, or to the placeholder where there is neither.

    :param own: false where certbot's takes over.
    """
    folders = [layout.own(name), layout.live(name)] if own else [layout.live(name)]
    target = next((folder for folder in folders if complete(folder)), layout.placeholder(name))
    return Entry(path=layout.link(name), state="link", target=str(target))


def owners(layout: Layout | None = None) -> list[str]:
    """The stacks that have certificates of the operator's own here."""
    return sorted({text.strip() for file in (layout or Layout()).tls.glob(f".own/*/{OWNER}") if (text := read_text(file))})


def is_own(name: str, layout: Layout | None = None) -> bool:
    """nginx serves the operator's own under this name; false where that cannot be looked at."""
    try:
        return (layout or Layout()).link(name).readlink().parent.parent.name == ".own"
    except OSError:
        return False


def owner_of(name: str, layout: Layout | None = None) -> str:
    """The stack whose the operator's own certificate of this name is; empty where nginx serves none."""
    place = layout or Layout()
    return (read_text(place.own(name).parent / OWNER) or "").strip() if is_own(name, place) else ""


def forget_own(layout: Layout, name: str) -> None:
    """Nobody is served by the operator's own certificate any more."""
    shutil.rmtree(layout.own(name).parent, ignore_errors=True)
