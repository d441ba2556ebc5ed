# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates on a host: lineages of certbot with how they are renewed, those of other clients, and what web servers name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from ..host import SurveyedHost
from .site import Site
from .x509 import validity

RENEWAL = "/etc/letsencrypt/renewal"
LIVE = "/etc/letsencrypt/live"
COMMAND_LINE = "/etc/letsencrypt/cli.ini"
OWN = "/etc/latentum-ops/tls/"
HOOKS = ("pre_hook", "post_hook", "renew_hook")
# Folders in which other clients keep what they have got, with a pattern of certificates.
CLIENTS = {
    "acme.sh": ("/root/.acme.sh", "fullchain.cer"),
    "dehydrated": ("/var/lib/dehydrated/certs", "fullchain.pem"),
    "lego": ("/etc/lego/certificates", "*.crt"),
}
_ASSIGNMENT = re.compile(r"^\s*([\w-]+)\s*=\s*(.*?)\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Certificate:
    """A certificate.

    :param client: what renews it; empty where nothing is known to.
    :param settings: of certbot: authenticator, installer, server, webroot_path, hooks, key_type.
    :param used_by: sites that name it.
    """

    name: str
    file: str
    domains: tuple[str, ...] = ()
    not_after: int = 0
    client: str = ""
    settings: Mapping[str, str] | None = None
    used_by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Renewals:
    """Certificates, and what certbot does for all of them.

    :param defaults: of cli.ini, with the values of role certbot left out where it wrote the file.
    :param hooks: programs below renewal-hooks.
    """

    certificates: tuple[Certificate, ...] = ()
    defaults: Mapping[str, str] | None = None
    hooks: tuple[str, ...] = ()


def renewals(host: SurveyedHost, sites: Iterable[Site]) -> Renewals:
    """All of them; ``sites`` may name further ones."""
    by_file = {certificate.file: certificate for certificate in (*_lineages(host), *_others(host))}
    for site in sites:
        for path in site.certificates:
            if path.startswith(OWN) or "$" in path or "\n" in path:
                continue
            known = _known(host, path, by_file)
            by_file[known.file] = replace(known, used_by=tuple(dict.fromkeys([*known.used_by, site.title])))
    text = host.read(COMMAND_LINE) or ""
    defaults = None if "max-log-backups = 0\npreconfigured-renewal" in text else dict(_ASSIGNMENT.findall(_uncommented(text)))
    folders = [f"/etc/letsencrypt/renewal-hooks/{kind}" for kind in ("pre", "deploy", "post")]
    hooks = [f"{folder}/{name}" for folder in folders for name in host.names(folder) if name != "latentum-ops"]
    return Renewals(tuple(sorted(by_file.values(), key=lambda certificate: certificate.file)), defaults, tuple(hooks))


def _known(host: SurveyedHost, path: str, by_file: Mapping[str, Certificate]) -> Certificate:
    if path in by_file:
        return by_file[path]
    beside = f"{path.rpartition('/')[0]}/fullchain.pem"  # cert.pem or chain.pem of the same lineage
    return by_file[beside] if beside in by_file else _read(host, Certificate(path.rpartition("/")[2], path))


def _lineages(host: SurveyedHost) -> Iterator[Certificate]:
    for path in host.files(RENEWAL, "*.conf"):
        settings = dict(_ASSIGNMENT.findall(_uncommented(host.read(path) or "")))
        file = settings.get("fullchain") or f"{LIVE}/{path.stem}/fullchain.pem"
        kept = ("authenticator", "installer", "server", "key_type", "webroot_path", *HOOKS)
        shown = {key: settings[key].rstrip(",") for key in kept if settings.get(key) not in {None, "", "None"}}
        yield _read(host, Certificate(path.stem, file, client="certbot", settings=shown))


def _others(host: SurveyedHost) -> Iterator[Certificate]:
    for client, (folder, pattern) in CLIENTS.items():
        for path in host.files(folder, pattern):
            yield _read(host, Certificate(path.stem, str(path), client=client))
        for name in host.names(folder):
            for path in host.files(f"{folder}/{name}", pattern):
                yield _read(host, Certificate(name, str(path), client=client))


def _read(host: SurveyedHost, certificate: Certificate) -> Certificate:
    known = validity(host.read(certificate.file) or "")
    return replace(certificate, domains=known.names, not_after=known.not_after) if known else certificate


def _uncommented(text: str) -> str:
    return re.sub(r"^\s*[#;].*$", "", text, flags=re.MULTILINE)
