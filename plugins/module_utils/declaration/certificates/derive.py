# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the host needs to know of certificates that an operator brings."""

from __future__ import annotations

from typing import Any

from ...contracts.own_certificate import OwnCertificate
from ..model import Declaration
from ..routes.derive import site_names


def own_certificates(declaration: Declaration) -> list[dict[str, Any]]:
    """One a site, also where several sites have the same: so each goes to certbot, or comes back, by itself."""
    sites = site_names(declaration)
    return [
        OwnCertificate(
            name=domain,
            stack=declaration.name,
            domains=tuple(sites.get(domain, [domain])),
            chain=entry.chain,
            chain_file=entry.chain_file,
            ca=entry.ca,
            key_secret=entry.key_secret,
            key_file=entry.key_file,
        ).to_dict()
        for entry in declaration.certificates
        for domain in entry.domains
    ]


def own_domains(declaration: Declaration) -> frozenset[str]:
    """The sites for which certbot is not asked."""
    return frozenset(domain for entry in declaration.certificates for domain in entry.domains)
