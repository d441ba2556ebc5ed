# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks between the stacks of one host: what only one of them can have, and what a host has once for all of them.

What a stack has for itself its sections say (C(claims)); a contradiction names both stacks, both keys and what to write instead.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from ...contracts.claims import Claim, Kind, contradictions, explain, named
from ...schema.nodes import Problem, shown
from ..model import Declaration


def claims_of(declaration: Declaration) -> list[Claim]:
    """Everything that a stack has for itself."""
    folder = [named(Kind.DIRECTORY, declaration.directory, "directory")] if declaration.name else []
    return [*folder, *(claim for section in declaration.sections for claim in section.claims(declaration))]


def check_together(declarations: Mapping[str, Declaration], chosen: Collection[str]) -> Iterator[Problem]:
    """Contradictions between stacks, at least one of which the run works on."""
    claims = {name: claims_of(declaration) for name, declaration in declarations.items()}
    for name, claim, other_name, other in contradictions(claims):
        if name in chosen or other_name in chosen:
            problem, fix = explain(claim, f"the stack {other_name}", other)
            yield Problem(f"{name}: {claim.key}", shown(claim.shown), problem, fix)
    yield from _contacts(declarations, chosen)


def _contacts(declarations: Mapping[str, Declaration], chosen: Collection[str]) -> Iterator[Problem]:
    """The account at the authority is one a host."""
    first: tuple[str, str] | None = None
    for name, declaration in declarations.items():
        if name not in chosen or not (declaration.routes or declaration.redirects) or not declaration.contact:
            continue
        first = first or (name, declaration.contact)
        if declaration.contact != first[1]:
            what = f"differs from that of the stack {first[0]} ({first[1]}), and a host has one account at the certificate authority"
            yield Problem(
                f"{name}: contact", shown(declaration.contact), what, f"write contact: {first[1]} in both, or the other one in both"
            )
