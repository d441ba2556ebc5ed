# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates of nginx: a placeholder first, then certbot's, behind one pair of links that nginx always finds."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from .files import write_atomic
from .runner import CommandError, run

TLS = Path("/etc/latentum-ops/tls")
PLACEHOLDERS = TLS / ".placeholder"
LETSENCRYPT = Path("/etc/letsencrypt")
FILES = ("fullchain.pem", "privkey.pem")
DOMAIN = re.compile(r"(\*\.)?([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}")


@dataclass(frozen=True)
class Certificate:
    """A certificate by the name of its folder, with the domains that it must name (the first is its subject)."""

    name: str
    domains: tuple[str, ...]


@dataclass(frozen=True)
class State:
    """What a certificate file says: names, end, issuer; and whether it is only the placeholder."""

    domains: tuple[str, ...]
    not_after: datetime
    issuer: str
    serial: str
    placeholder: bool

    @property
    def days_left(self) -> int:
        """Whole days until the end; negative when it is past."""
        return int((self.not_after.timestamp() - time.time()) // 86400)


@dataclass(frozen=True)
class Acme:
    """How certificates are issued."""

    directory_url: str
    contact: str
    webroot: str = "/var/www/acme"
    key_type: str = "ecdsa"
    ca_bundle: str = ""
    dns_plugin: str = ""
    dns_credentials: str = ""
    dns_propagation_seconds: int = 60
    force: tuple[str, ...] = ()


@dataclass
class Failure:
    """A certificate that could not be issued, with certbot's own reason."""

    name: str
    reason: str


@dataclass
class Issued:
    """What a run did: names that were (or in check mode would be) issued and why, and what failed."""

    issued: dict[str, str] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)


def certificate_from(name: str, domains: Sequence[str]) -> Certificate:
    """A certificate from plain data.

    :raises ValueError: no domain, a name that is no folder name, or something that is no domain.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name):
        raise ValueError(f"certificates: name {name!r}: write letters, digits, '.', '_' and '-' only")
    if not domains:
        raise ValueError(f"certificates: {name} names no domain: list at least one")
    for domain in domains:
        if not DOMAIN.fullmatch(domain):
            raise ValueError(f"certificates: {domain!r} of {name} is no domain: write it in lower case, like www.example.com")
    return Certificate(name, tuple(domains))


def inspect(path: Path) -> State | None:
    """What the certificate at this path says; None when there is none."""
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    try:
        parsed = x509.load_pem_x509_certificate(path.read_bytes())
    except FileNotFoundError:
        return None
    try:
        names = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        names = []
    # The aware accessor is missing in Debian 12's release of the library.
    end = getattr(parsed, "not_valid_after_utc", None) or parsed.not_valid_after.replace(tzinfo=UTC)
    issuer = parsed.issuer.get_attributes_for_oid(NameOID.COMMON_NAME)
    return State(
        domains=tuple(names),
        not_after=end,
        issuer=str(issuer[0].value) if issuer else parsed.issuer.rfc4514_string(),
        serial=f"{parsed.serial_number:x}",
        placeholder=PLACEHOLDERS in path.resolve().parents,
    )


def linked(name: str) -> Path | None:
    """The folder that the links of this certificate lead to."""
    link = TLS / name / FILES[0]
    return Path(os.path.realpath(link)).parent if link.exists() else None


def ensure_placeholder(certificate: Certificate, *, check_mode: bool = False) -> bool:
    """Put a self-signed certificate behind the links unless something is there; returns whether it did (or would)."""
    if all((TLS / certificate.name / file).exists() for file in FILES):
        return False
    if check_mode:
        return True
    live = LETSENCRYPT / "live" / certificate.name
    if all((live / file).exists() for file in FILES):
        link(certificate.name, live)
        return True
    folder = PLACEHOLDERS / certificate.name
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    chain, key = _self_signed(certificate)
    write_atomic(folder / "privkey.pem", key, 0o600, 0, 0)
    write_atomic(folder / "fullchain.pem", chain, 0o644, 0, 0)
    link(certificate.name, folder)
    return True


def _self_signed(certificate: Certificate) -> tuple[bytes, bytes]:
    """Chain and key (PEM) of a certificate that nobody trusts, good for ten years."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "placeholder")])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=3650))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(domain) for domain in certificate.domains]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return built.public_bytes(pem), private


def link(name: str, folder: Path) -> bool:
    """Lead the certificate's links to this folder, each in one step; returns whether that changed anything."""
    target = TLS / name
    target.mkdir(parents=True, exist_ok=True, mode=0o755)
    changed = False
    for file in FILES:
        one, wanted = target / file, folder / file
        if one.is_symlink() and Path(os.readlink(one)) == wanted:
            continue
        fresh = target / f".{file}.new"
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(wanted)
        fresh.replace(one)
        changed = True
    return changed


def why_issue(certificate: Certificate, acme: Acme) -> str | None:
    """Why certbot must be asked for this certificate; None when what is there is right (renewing is its timer's)."""
    state = inspect(LETSENCRYPT / "live" / certificate.name / FILES[0])
    if state is None:
        return "there is none yet"
    if set(state.domains) != set(certificate.domains):
        return f"it names {', '.join(sorted(state.domains))}"
    renewal = LETSENCRYPT / "renewal" / f"{certificate.name}.conf"
    recorded = dict(re.findall(r"^(\w+) = (.*)$", renewal.read_text(), re.MULTILINE)) if renewal.exists() else {}
    if recorded.get("server") != acme.directory_url:
        return f"it comes from {recorded.get('server', 'elsewhere')}"
    if recorded.get("key_type", "rsa") != acme.key_type:
        return f"its key is {recorded.get('key_type', 'rsa')}"
    if state.days_left < 0:
        return "it has expired"
    return "asked for" if certificate.name in acme.force else None


def certbot_argv(certificate: Certificate, acme: Acme) -> list[str]:
    """The call of certbot (certbot(1), certonly)."""
    argv = ["certbot", "certonly", "--non-interactive", "--agree-tos", "--no-eff-email", "--email", acme.contact]
    argv += ["--server", acme.directory_url, "--cert-name", certificate.name, "--key-type", acme.key_type]
    argv += ["--force-renewal", "--renew-with-new-domains"]
    if acme.dns_plugin:
        argv += [
            "--authenticator",
            f"dns-{acme.dns_plugin}",
            f"--dns-{acme.dns_plugin}-propagation-seconds",
            str(acme.dns_propagation_seconds),
        ]
        argv += [f"--dns-{acme.dns_plugin}-credentials", acme.dns_credentials] if acme.dns_credentials else []
    else:
        argv += ["--webroot", "--webroot-path", acme.webroot]
    return argv + [word for domain in certificate.domains for word in ("--domain", domain)]


def issue(certificates: Sequence[Certificate], acme: Acme, *, check_mode: bool = False) -> Issued:
    """Have every certificate issued that needs it; the failure of one stops no other, and nginx keeps what it had."""
    done = Issued()
    if not check_mode and shutil.which("certbot") is None:
        raise FileNotFoundError("certbot is not installed on this host: install the package certbot")
    switched = False
    for certificate in certificates:
        live = LETSENCRYPT / "live" / certificate.name
        reason = why_issue(certificate, acme)
        if reason:
            done.issued[certificate.name] = reason
            if check_mode:
                continue
            environment = {"REQUESTS_CA_BUNDLE": acme.ca_bundle} if acme.ca_bundle else {}
            try:
                run(certbot_argv(certificate, acme), env=environment, timeout=300 + acme.dns_propagation_seconds)
            except CommandError as error:
                del done.issued[certificate.name]
                said = (error.stdout + error.stderr).strip()
                done.failures.append(Failure(certificate.name, said[-1500:] or str(error)))
                continue
        if check_mode and not live.exists():
            continue
        moved = linked(certificate.name) not in {live, Path(os.path.realpath(live / FILES[0])).parent}
        if not check_mode and (link(certificate.name, live) or reason):
            switched = True
        if moved and not reason:
            done.issued[certificate.name] = "nginx did not use it yet"
    if switched:
        reload_nginx()
    return done


def reload_nginx() -> None:
    """Have a running nginx take the new files over, after its own test."""
    if run(["systemctl", "is-active", "--quiet", "nginx.service"], check=False).rc == 0:
        run(["nginx", "-t", "-q"])
        run(["systemctl", "reload", "nginx.service"])
