# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates that an operator brings: checked, put into service, replaced, and taken away.

    /etc/latentum-ops/tls/.own/<name>/<digest>/   fullchain.pem and privkey.pem
    /etc/latentum-ops/tls/.own/<name>/current     a link to the present one of them, so that both files change at once
    /etc/latentum-ops/tls/.own/<name>/stack       whose site it is

They are no part of a release: a rollback must not bring back a certificate that was replaced. One that is declared no more stays while a
site names it, until certbot has issued another (tls/issue.py).
"""

from __future__ import annotations

import hashlib
import shutil
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ..contracts.own_certificate import OwnCertificate
from ..core.atomic_files import read_text
from ..core.process import CommandError, run
from ..hostconfig.entries import Change, Entry
from ..hostconfig.transaction import ConfigSet, apply
from ..schema.nodes import Problem
from ..schema.server_certificate import Pair, Wrong, pem, problems_of, read_certificates
from .certificates import OWNER, CertificateError, Layout, forget_own
from .issue import Runner, one_certbot, serving
from .placeholder import folders

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

TRUST_STORE = Path("/etc/ssl/certs/ca-certificates.crt")  # of package ca-certificates
KeyOf = Callable[[OwnCertificate], "str | None"]


@dataclass
class Outcome:
    """What a run did.

    :param kept: names that are declared no more and that a site still names.
    :param forgotten: names that certbot has, or in check mode would have, forgotten.
    :param in_use: such names that stay with certbot, with the files that name them.
    """

    changes: list[Change] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    in_use: dict[str, list[str]] = field(default_factory=dict)

    @property
    def changed(self) -> bool:
        """Something is, or in check mode would be, different."""
        return bool(self.changes or self.forgotten)


def trusted(store: Path = TRUST_STORE) -> Callable[[], Sequence[Certificate]] | None:
    """The authorities that this host trusts; None where it does not say."""
    return partial(_authorities, store) if store.is_file() else None


def _authorities(store: Path) -> Sequence[Certificate]:
    return read_certificates(store.read_bytes())


def problems(
    certificates: Sequence[OwnCertificate], key_of: KeyOf | None = None, layout: Layout | None = None, store: Path = TRUST_STORE
) -> Iterator[Problem]:
    """All that stands against these certificates on this host.

    :param key_of: a key from the secret store; None where the store is not to be asked, since it may be filled later in the run.
    """
    for certificate in certificates:
        chain, key, found = _halves(certificate, key_of)
        if not found:
            authorities = trusted(store)
            pair = Pair(chain, certificate.domains, key, certificate.ca.encode(), authorities)
            # What is served already is not refused for its age: that would stop every other change of the host, too.
            found = problems_of(pair, dates=not _served(layout or Layout(), certificate.name, chain))
        for wrong in found:
            yield Problem(
                f"certificates: {certificate.name}: {_place(certificate, wrong.part)}", "", wrong.problem, _fix(certificate, wrong)
            )


def _place(certificate: OwnCertificate, part: str) -> str:
    if part == "key":
        return certificate.key_file or f"key_secret {certificate.key_secret}"
    return certificate.chain_file or "chain" if part == "chain" else part


def _fix(certificate: OwnCertificate, wrong: Wrong) -> str:
    """Commands name the file, where it is one of this host."""
    path = certificate.key_file if wrong.part == "key" else certificate.chain_file
    return wrong.fix.replace("FILE", path) if path else wrong.fix


def _halves(certificate: OwnCertificate, key_of: KeyOf | None) -> tuple[bytes, bytes | None, list[Wrong]]:
    """Chain and key, or why they cannot be read."""
    found: list[Wrong] = []
    chain = _read(certificate.chain_file, "chain", found) if certificate.chain_file else certificate.chain.encode()
    if certificate.key_file:
        key: bytes | None = _read(certificate.key_file, "key", found)
        if not found and Path(certificate.key_file).stat().st_mode & (stat.S_IROTH | stat.S_IWOTH):
            fix = f"chmod 0600 {certificate.key_file}; if others could read it for long, have a certificate issued for a new key"
            found.append(Wrong("key", "can be read by every user of the host", fix))
    else:
        value = key_of(certificate) if key_of else None
        key = value.encode("utf-8", "surrogateescape") if value is not None else None
    return chain, key, found


def _read(path: str, part: str, found: list[Wrong]) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        found.append(
            Wrong(part, f"cannot be read on this host: {error.strerror}", "bring the file, or write the path of the one that is there")
        )
        return b""


def _served(layout: Layout, name: str, chain: bytes) -> bool:
    try:
        return (layout.own(name) / "fullchain.pem").read_bytes() == pem(chain, "chain")
    except (OSError, ValueError):
        return False


def ensure(
    certificates: Sequence[OwnCertificate],
    stacks: Sequence[str],
    key_of: KeyOf,
    named: Callable[[str], bool],
    *,
    layout: Layout | None = None,
    check_mode: bool = False,
    runner: Runner = run,
    store: Path = TRUST_STORE,
) -> Outcome:
    """Put these certificates into service, and those of these stacks that are declared no more out of it.

    :param stacks: all of those whose certificates are given; others are left alone.
    :param named: a site, or one of a release that is kept, names this certificate.
    :raises CertificateError: one cannot be used; nothing was changed.
    :raises ConfigSetError: nginx refuses them; the old ones are back.
    """
    place = layout or Layout()
    found = [str(problem) for problem in problems(certificates, key_of, place, store)]
    lacking = [certificate for certificate in certificates if certificate.key_secret and key_of(certificate) is None]
    if not check_mode:
        found += [_no_secret(certificate) for certificate in lacking]
    if found:
        raise CertificateError("\n".join(["certificates of your own cannot be used; nginx goes on with what it has:", *found]))
    entries = [entry for certificate in certificates for entry in _entries(certificate, place, key_of)]
    is_serving = serving(runner)
    outcome = Outcome(
        apply(
            ConfigSet(
                name="own certificates",
                entries=[*_above(place), *entries] if entries else [],
                validate=[["nginx", "-t", "-q"]] if is_serving else [],
                activate=[["systemctl", "reload", "nginx.service"]] if is_serving else [],
                parents=True,
            ),
            check_mode=check_mode,
        ).changes
    )
    for certificate in certificates:
        _tidy(place, certificate.name, check_mode)
        _hand_over(certificate.name, place, outcome, check_mode, runner)
    _take_away(certificates, stacks, named, place, outcome, check_mode)
    return outcome


def _no_secret(certificate: OwnCertificate) -> str:
    where = f"certificates: {certificate.name}: key_secret {certificate.key_secret}"
    return f"{where}: is not in the store of {certificate.stack}\n   -> run role secrets before (site.yml and rolling_update.yml do)"


def _above(layout: Layout) -> list[Entry]:
    return [*folders(layout), Entry(path=layout.tls / ".own", state="directory", mode=0o700)]


def _entries(certificate: OwnCertificate, layout: Layout, key_of: KeyOf) -> Iterator[Entry]:
    """The files of a certificate, and the two links that lead to them. Nobody but root reads them: nginx does before it gives that up."""
    chain, key, _found = _halves(certificate, key_of)
    current = layout.own(certificate.name)
    content = pem(chain, "chain")
    # A key is another one only with its certificate.
    version = current.parent / hashlib.sha256(content).hexdigest()[:16]
    yield from (Entry(path=folder, state="directory", mode=0o700) for folder in (current.parent, version))
    yield Entry(path=version / "privkey.pem", content=pem(key, "key") if key is not None else b"", mode=0o600, sensitive=True)
    yield Entry(path=version / "fullchain.pem", content=content, mode=0o600)
    yield Entry(path=current.parent / OWNER, content=f"{certificate.stack}\n".encode(), mode=0o600)
    yield Entry(path=current, state="link", target=version.name)
    yield Entry(path=layout.link(certificate.name), state="link", target=str(current))


def _tidy(layout: Layout, name: str, check_mode: bool) -> None:
    """Former keys are no longer needed by anybody, and only to be stolen."""
    current = layout.own(name)
    if check_mode or not current.is_symlink():
        return
    for folder in current.parent.iterdir():
        if folder.is_dir() and not folder.is_symlink() and folder.name != str(current.readlink()):
            shutil.rmtree(folder)


def _hand_over(name: str, layout: Layout, outcome: Outcome, check_mode: bool, runner: Runner) -> None:
    """Certbot forgets its certificate, unless a program of somebody else's names it: it would be renewed for nobody, for ever."""
    if not layout.renewal(name).exists():
        return
    try:
        users = runner(
            ["grep", "-rIlF", "--exclude-dir=letsencrypt", f"{layout.live(name)}/", "/etc"], check=False, timeout=120
        ).stdout.split()
    except CommandError:
        users = ["/etc"]
    if users:
        outcome.in_use[name] = users
        return
    outcome.forgotten.append(name)
    if not check_mode:
        with one_certbot(layout):
            runner(["certbot", "delete", "--non-interactive", "--cert-name", name], timeout=120)


def _take_away(
    certificates: Sequence[OwnCertificate],
    stacks: Sequence[str],
    named: Callable[[str], bool],
    layout: Layout,
    outcome: Outcome,
    check_mode: bool,
) -> None:
    declared = {certificate.name for certificate in certificates}
    for folder in sorted((layout.tls / ".own").glob("*")):
        owner = (read_text(folder / OWNER) or "").strip()
        if folder.name in declared or owner not in stacks:
            continue
        if named(folder.name):
            outcome.kept.append(folder.name)
            continue
        link = Entry(path=layout.link(folder.name), state="absent")
        files = [Entry(path=path, state="absent", sensitive=True) for path in (layout.own(folder.name) / "privkey.pem",) if path.exists()]
        outcome.changes += apply(ConfigSet("own certificates", [link, *files]), check_mode=check_mode).changes
        if not check_mode:
            forget_own(layout, folder.name)
