# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates by which hosts of one inventory know each other: what a host asks for, and on which terms it gets it."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from .base import Contract, ContractError, option

FOLDER = "/etc/latentum-ops/host-certificate"
AUTHORITY = "/etc/latentum-ops/authority"
GROUP = "latentum-certificates"  # who may read a host's key
LONGEST = 64  # characters of a common name (RFC 5280, ub-common-name)
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")


def refuse_name(name: str, key: str) -> None:
    """A name of the inventory that can stand in a certificate, or an address.

    :raises ContractError: it cannot.
    """
    if len(name) > LONGEST:
        raise ContractError(
            f"{key}: {name!r} has {len(name)} characters, and a certificate names a host by at most {LONGEST}: write a shorter one"
        )
    if not (_NAME.fullmatch(name) or is_address(name)):
        raise ContractError(
            f"{key}: {name!r} cannot stand in a certificate: name the host by letters, digits, '.', '-' and '_' in the inventory, like web1"
        )


def is_address(text: str) -> bool:
    """The text is an address, of either version."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


@dataclass(frozen=True)
class AuthorityTerms(Contract):
    """How an authority of the inventory is, and on which terms it signs."""

    generation: int = option(
        (
            "Which authority of this inventory it is. A larger number has it replaced by a new one, with an overlap in which both are"
            " trusted, until each host has a certificate of the new one.",
            "Where the key of the present one is gone, the new one signs at once.",
        ),
        1,
        least=1,
        most=9999,
    )
    days: int = option("Days that a certificate of a host is valid; it is renewed when less than a third is left.", 365, least=3, most=825)
    authority_days: int = option(
        "Days that an authority is valid; it is replaced, with an overlap, when less than a third is left.", 3650, least=30, most=36500
    )
    constraints: tuple[str, ...] = option(
        (
            "Domains and networks that names and addresses of hosts are in (C(example.internal), C(10.0.0.0/8)); the authority can then"
            " sign for no other, whoever has its key. Without any it signs for all names of the inventory.",
            "They are part of an authority, so a change needs a larger O(terms.generation).",
        ),
        (),
    )

    def check(self, key: str) -> None:
        """A certificate ends before its authority is replaced, and constraints are domains or networks."""
        if self.days * 3 > self.authority_days * 2:
            raise ContractError(
                f"{key}.days: {self.days} days are more than two thirds of the authority's {self.authority_days}: write fewer, or more"
                " days of the authority"
            )
        for index, text in enumerate(self.constraints):
            if not _constraint(text):
                raise ContractError(
                    f"{key}.constraints[{index}]: {text!r} is neither a domain nor a network: write example.internal, or 10.0.0.0/8"
                )


def _constraint(text: str) -> bool:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return bool(re.fullmatch(r"(?=.*[A-Za-z])[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?", text))
    return True


@dataclass(frozen=True)
class CertificateRequest(Contract):
    """What a host asks an authority for; who it is says the controller, and not the request."""

    host: str = option("Its name in the inventory.")
    addresses: tuple[str, ...] = option("Addresses and further names that others reach it by.", ())
    csr: str = option("The request, PEM; empty in check mode, where it has no key yet.", "")
    due: bool = option("It needs a new certificate, whoever has signed the one that it has.", False)
    trusts: tuple[str, ...] = option("Fingerprints of the authorities that it trusts.", ())
    issuer: str = option("Fingerprint of the authority that has signed what it has.", "")
    newest: int = option("The largest generation among those authorities.", 0, least=0)
    clock: float = option("What time it is there, in seconds since the epoch; V(0) where that is not known.", 0)

    def check(self, key: str) -> None:
        """Names that can stand in a certificate."""
        refuse_name(self.host, f"{key}.host")
        for index, text in enumerate(self.addresses):
            refuse_name(text, f"{key}.addresses[{index}]")
