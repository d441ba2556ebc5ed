# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sections C(firewall) and C(networks), and the ports and networks of the Compose file."""

from __future__ import annotations

from collections.abc import Iterator

from ...contracts.claims import Claim, compose_claims, opened
from ..model import Declaration, Derivation, Part, Section
from .checks import check_access, check_firewall, check_networks, check_ports
from .derive import loopback_ports
from .model import networks_from, openings_from
from .schema import FIREWALL, NETWORKS


def _claims(declaration: Declaration) -> Iterator[Claim]:
    """What is opened, and what the Compose file takes of the host."""
    for opening in declaration.firewall:
        if opening.port:
            yield opened(opening.port, opening.protocol, opening.sources, opening.key)
    yield from compose_claims(declaration.name, declaration.compose)


SECTION = Section(
    parts={"firewall": Part(FIREWALL, openings_from), "networks": Part(NETWORKS, networks_from)},
    checks=(check_firewall,),
    compose_checks=(check_ports, check_networks, check_access),
    derivations={"loopback_ports": Derivation(loopback_ports, list, merged=True)},
    claims=_claims,
)
