# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates issued by certbot: decide which need it, ask for each apart from the others, put them into service."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ..core.atomic_files import read_text
from ..core.locks import await_record_lock, file_lock
from ..core.masking import mask
from ..core.process import CommandError, Result, run
from ..hostconfig.entries import Change, compare
from ..hostconfig.transaction import ConfigSet, ConfigSetError, apply
from .certificates import CertificateError, Layout, Wanted, complete, forget_own, inspect_certificate, link_entry

PRODUCTION = "https://acme-v02.api.letsencrypt.org/directory"
STAGING = "https://acme-staging-v02.api.letsencrypt.org/directory"
TIMEOUT = 300.0  # seconds; a DNS challenge waits for its propagation on top
# What certbot says around its reason.
NOISE = re.compile(
    r"^(Saving debug log|Ask for help|Some challenges have failed|Requesting a certificate|Renewing an existing|Account registered|Hint:|$)"
)
Runner = Callable[..., Result]


@dataclass(frozen=True)
class Dns:
    """A DNS plugin of certbot, its file of credentials, and how many seconds a record takes to be seen everywhere."""

    plugin: str
    credentials: str = ""
    propagation: int = 0


@dataclass(frozen=True)
class Authority:
    """Who issues, to whom, what kind of key, and how control over the names is proven."""

    contact: str
    directory_url: str = PRODUCTION
    key_type: str = "ecdsa"
    webroot: str = "/var/www/acme"
    ca_bundle: str = ""
    dns: Dns | None = None


@dataclass
class Issued:
    """What a run did: certificates asked for with the reason, those that failed with certbot's reason, links changed."""

    asked: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    links: list[Change] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        """Something is, or in check mode would be, different."""
        return bool(self.links) or any(name not in self.failed for name in self.asked)


def argv(wanted: Wanted, authority: Authority, *, exists: bool) -> list[str]:
    """The command that gets this certificate (certbot(1)); no shell, no question.

    :param exists: certbot has one of this name. Then this run has decided that it must be replaced.
    """
    command = ["certbot", "certonly", "--non-interactive", "--agree-tos", "--no-eff-email"]
    command += ["--email", authority.contact, "--server", authority.directory_url]
    command += ["--cert-name", wanted.name, "--key-type", authority.key_type]
    if authority.key_type == "ecdsa":
        command += ["--elliptic-curve", "secp256r1"]
    if authority.dns:
        plugin = f"dns-{authority.dns.plugin}"
        command += ["--authenticator", plugin]
        if authority.dns.credentials:
            command += [f"--{plugin}-credentials", authority.dns.credentials]
        if authority.dns.propagation:
            command += [f"--{plugin}-propagation-seconds", str(authority.dns.propagation)]
    else:
        command += ["--authenticator", "webroot", "--webroot-path", authority.webroot]
    if exists:
        command += ["--renew-with-new-domains", "--force-renewal"]
    for domain in wanted.domains:
        command += ["--domain", domain]
    return command


def needed(wanted: Wanted, authority: Authority, layout: Layout, renew: Sequence[str] = ()) -> str:
    """Why this certificate must be asked for now; empty when it need not. Growing old is the timer's business."""
    live = layout.live(wanted.name)
    if not complete(live):
        return "there is none yet"
    if wanted.name in renew or "*" in renew:
        return "its renewal was asked for"
    state = inspect_certificate(live / "fullchain.pem", wanted.name)
    if set(state.domains) != set(wanted.domains):
        missing, surplus = set(wanted.domains) - set(state.domains), set(state.domains) - set(wanted.domains)
        parts = [f"{word} {', '.join(sorted(names))}" for word, names in (("lacks", missing), ("still has", surplus)) if names]
        return f"it {' and '.join(parts)}"
    if state.key_type != authority.key_type:
        return f"its key is {state.key_type}, not {authority.key_type}"
    issuer = remembered(layout, wanted.name, "server")
    if issuer and issuer != authority.directory_url:
        return f"it comes from {issuer}"
    if state.not_after <= time.time():
        return "it has expired: look at certbot.timer"
    return ""


def remembered(layout: Layout, name: str, key: str) -> str:
    """A value of what certbot remembers for the renewal of a certificate; empty when it is not there."""
    match = re.search(rf"^{re.escape(key)}\s*=\s*(\S+)\s*$", read_text(layout.renewal(name)) or "", re.MULTILINE)
    return match[1] if match else ""


def reason(result: Result) -> str:
    """Certbot's own reason, without what it says around it, and without secrets: of a DNS provider it may quote the credentials."""
    lines = [line.strip() for line in mask(f"{result.stdout}\n{result.stderr}").splitlines()]
    sentences = [" ".join(line.split()) for line in lines if not NOISE.match(line) and not set(line) <= {"-", " "}]
    return " ".join(dict.fromkeys(sentences)) or f"certbot ended with exit status {result.rc} and said nothing"


def refuse(wanted: Sequence[Wanted], authority: Authority) -> None:
    """Everything that can be known before the authority is asked, and would cost one of its rate limits.

    :raises CertificateError: naming what to write instead.
    """
    if wanted and not re.fullmatch(r"[^@\s]+@[^@\s]+", authority.contact):
        raise CertificateError(f"contact {authority.contact!r} is not a mail address: the authority registers the account with it")
    if not authority.directory_url.startswith("https://"):
        raise CertificateError(f"directory_url {authority.directory_url!r}: write the https:// address of an ACME directory")
    for certificate in wanted:
        wild = [domain for domain in certificate.domains if domain.startswith("*.")]
        if wild and not authority.dns:
            raise CertificateError(f"certificates: {wild[0]} of {certificate.name} can only be proven by DNS: set dns, or name each host")
    if authority.ca_bundle and not Path(authority.ca_bundle).is_file():
        raise CertificateError(f"ca_bundle {authority.ca_bundle} is not a file on this host")


def issue(
    wanted: Sequence[Wanted],
    authority: Authority,
    *,
    renew: Sequence[str] = (),
    layout: Layout | None = None,
    check_mode: bool = False,
    runner: Runner = run,
) -> Issued:
    """Ask once for each certificate that needs it, then put all that there are into service.

    A certificate that cannot be had stops no other one; nginx keeps what it has for it.

    :raises CertificateError: refused before anything was asked.
    :raises ConfigSetError: nginx refused the new certificates; the old links are back.
    """
    place, done = layout or Layout(), Issued()
    unknown = sorted(set(renew) - {"*"} - {certificate.name for certificate in wanted})
    if unknown:
        raise CertificateError(
            f"renew: {', '.join(unknown)} is not among the certificates: write {', '.join(certificate.name for certificate in wanted)}"
        )
    for certificate in wanted:
        try:
            why = needed(certificate, authority, place, renew)
        except (CertificateError, OSError) as error:
            why = str(error)
        if why:
            done.asked[certificate.name] = why
    if not check_mode and done.asked:
        refuse(wanted, authority)
        with one_certbot(place):
            for certificate in wanted:
                if certificate.name in done.asked and (failure := _ask(certificate, authority, place, runner)):
                    done.failed[certificate.name] = failure
    done.links = _into_service(wanted, done, place, runner, check_mode)
    return done


@contextmanager
def one_certbot(layout: Layout) -> Iterator[None]:
    """Certbot ends at once where another one runs: another run's, whose turn comes first, or that of the timer of renewals."""
    layout.tls.mkdir(mode=0o755, parents=True, exist_ok=True)
    with file_lock(layout.tls / ".certbot.lock", mode=0o600):
        await_record_lock(layout.letsencrypt / ".certbot.lock", TIMEOUT)
        yield


def _ask(wanted: Wanted, authority: Authority, layout: Layout, runner: Runner) -> str:
    """One question to the authority; the reason when it is not answered by a certificate."""
    exists = layout.renewal(wanted.name).exists()
    patience = TIMEOUT + (authority.dns.propagation if authority.dns else 0)
    environment = {"REQUESTS_CA_BUNDLE": authority.ca_bundle} if authority.ca_bundle else {}
    try:
        result = runner(argv(wanted, authority, exists=exists), env=environment, timeout=patience, check=False)
    except CommandError as error:
        return str(error)
    if result.rc != 0:
        return reason(result)
    return "" if complete(layout.live(wanted.name)) else f"certbot ended well, but {layout.live(wanted.name)} has no certificate"


def _into_service(wanted: Sequence[Wanted], done: Issued, layout: Layout, runner: Runner, check_mode: bool) -> list[Change]:
    """Switch the links to what there is now, and let nginx take over, tested first."""
    # The operator's own goes on until there is one by certbot.
    entries = [link_entry(layout, certificate.name, own=not complete(layout.live(certificate.name))) for certificate in wanted]
    if check_mode:
        return [change for entry in entries if (change := compare(entry))]
    # A link to nothing would take the whole configuration of nginx down with it.
    entries = [entry for entry in entries if complete(Path(entry.target))]
    is_serving = serving(runner)
    reload = [["systemctl", "reload", "nginx.service"]] if is_serving else []
    outcome = apply(
        ConfigSet(
            name="certificates", entries=entries, validate=[["nginx", "-t", "-q"]] if is_serving else [], activate=reload, parents=True
        )
    )
    if not outcome.changes and is_serving and set(done.asked) - set(done.failed):
        # The same links lead to new certificates.
        try:
            for command in (["nginx", "-t", "-q"], *reload):
                runner(command, timeout=120)
        except CommandError as error:
            raise ConfigSetError(f"certificates: issued, but nginx was not reloaded: {error}") from error
    for certificate in wanted:
        if complete(layout.live(certificate.name)):
            forget_own(layout, certificate.name)
    return outcome.changes


def serving(runner: Runner) -> bool:
    """nginx runs here; without it there is nobody to ask or to tell."""
    try:
        return runner(["systemctl", "is-active", "--quiet", "nginx.service"], check=False).rc == 0
    except CommandError:
        return False
