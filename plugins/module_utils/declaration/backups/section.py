# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The section C(backups)."""

from __future__ import annotations

from collections.abc import Iterator

from ...contracts.claims import Claim, Kind, named
from ..model import Declaration, Derivation, Part, Section
from .checks import check_backups
from .derive import backup_authorities, backup_config, plans_of, stale_after
from .model import backups_from, backups_of, made_secrets
from .plan_checks import check_parts, check_plans
from .schema import BACKUPS
from .volume_checks import check_sources


def _read_secrets(declaration: Declaration) -> list[tuple[str, str]]:
    backups = backups_of(declaration)
    return list(backups.secrets()) if backups else []


def _plan_ages(declaration: Declaration) -> dict[str, float]:
    return {plan.name: plan.stale_after for plan in plans_of(declaration)}


def _claims(declaration: Declaration) -> Iterator[Claim]:
    """A repository is opened by one key, which is made for its stack."""
    backups = backups_of(declaration)
    for target in backups.targets if backups else ():
        if target.repository:
            yield named(Kind.REPOSITORY, target.repository.text, f"{target.key}.repository")


SECTION = Section(
    parts={"backups": Part(BACKUPS, backups_from)},
    checks=(check_backups, check_plans),
    compose_checks=(check_sources, check_parts),
    derivations={"backup_config": Derivation(backup_config, dict), "backup_authorities": Derivation(backup_authorities, list)},
    reads=_read_secrets,
    makes=made_secrets,
    facts={"backup_max_age": stale_after, "backup_plans": _plan_ages},
    claims=_claims,
)
