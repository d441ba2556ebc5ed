# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of certificates that an operator brings: each belongs to a site, and fits it."""

from __future__ import annotations

from collections.abc import Iterator

from ...schema.nodes import Problem, close_to, shown
from ...schema.server_certificate import Pair, problems_of
from ..model import Declaration
from ..routes.derive import site_names
from .model import CertificateEntry


def check_certificates(declaration: Declaration, problems: list[Problem]) -> None:
    """What holds without the host; whether it is valid now, and whom clients trust, is the host's to say."""
    sites = site_names(declaration)
    owners: dict[str, CertificateEntry] = {}
    for entry in declaration.certificates:
        if any(problem.key.startswith(entry.key) for problem in problems):
            continue
        found = [*_of_halves(entry), *_of_secret(declaration, entry), *_of_domains(entry, sites, owners)]
        problems += found or _of_pair(declaration, entry, sites)
        for domain in entry.domains:
            owners.setdefault(domain, entry)


def certificate_secrets(declaration: Declaration) -> Iterator[tuple[str, str]]:
    """Secrets that the host reads for them: the key that names one, and the secret."""
    for entry in declaration.certificates:
        if entry.key_secret:
            yield f"{entry.key}.key_secret", entry.key_secret


def _of_halves(entry: CertificateEntry) -> Iterator[Problem]:
    for one, other in (("chain", "chain_file"), ("key_secret", "key_file")):
        given = [name for name in (one, other) if getattr(entry, name)]
        if len(given) > 1:
            yield Problem(f"{entry.key}.{other}", shown(getattr(entry, other)), f"is there beside {one}", "remove one of the two")
        elif not given:
            yield Problem(entry.key, "", f"has neither {one} nor {other}", f"write one of {one} and {other}")


def _of_secret(declaration: Declaration, entry: CertificateEntry) -> Iterator[Problem]:
    if not entry.key_secret:
        return
    key, secret = f"{entry.key}.key_secret", declaration.secrets.get(entry.key_secret)
    if secret is None:
        near = close_to(entry.key_secret, declaration.secrets)
        add = f'add secrets: {{{entry.key_secret}: {{kind: provided, value: "{{{{ vault_{entry.key_secret} }}}}"}}}}'
        fix = f"did you mean {near}? Else {add}" if near else add
        yield Problem(key, shown(entry.key_secret), "is no secret of this stack", fix)
    elif secret.kind and secret.kind != "provided":
        what = f"is of kind {secret.kind}, and the key of a certificate is made before the certificate"
        yield Problem(key, shown(entry.key_secret), what, "write kind: provided, with the key from a vault as its value")


def _of_domains(entry: CertificateEntry, sites: dict[str, list[str]], owners: dict[str, CertificateEntry]) -> Iterator[Problem]:
    for index, domain in enumerate(entry.domains):
        key = f"{entry.key}.domains[{index}]"
        if domain in entry.domains[:index]:
            yield Problem(key, shown(domain), "is there already", "remove it")
        elif domain in owners:
            yield Problem(key, shown(domain), f"has the certificate of {owners[domain].key} already", "remove it from one of the two")
        elif domain not in sites:
            site = next((name for name, names in sites.items() if domain in names), "")
            near = close_to(domain, sites)
            what = f"is an alias of {site}, whose certificate it shares" if site else "is the domain of no site of this stack"
            fix = f"write {site}; the certificate must be for both" if site else f"did you mean {near}?" if near else "remove it"
            yield Problem(key, shown(domain), what, fix)


def _of_pair(declaration: Declaration, entry: CertificateEntry, sites: dict[str, list[str]]) -> Iterator[Problem]:
    """As far as the controller has both halves; a file of the host is judged there."""
    if not entry.chain:
        return
    secret = declaration.secrets.get(entry.key_secret)
    value = secret.value if secret else None
    names = list(dict.fromkeys(name for domain in entry.domains for name in sites[domain]))
    pair = Pair(entry.chain.encode(), names, value.encode("utf-8", "surrogateescape") if value else None, entry.ca.encode())
    try:
        found = problems_of(pair, dates=False)
    except ImportError:
        return  # without the library the host says it
    places = {
        "chain": f"{entry.key}.chain",
        "ca": f"{entry.key}.ca",
        "key": f"secrets.{entry.key_secret}" if value else f"{entry.key}.chain",
    }
    yield from (Problem(places[wrong.part], "", wrong.problem, wrong.fix) for wrong in found)
