# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sections of the declaration, in the order in which an operator reads it and its errors.

A new section is a folder with a module C(section), and its line here.
"""

from __future__ import annotations

from importlib import import_module

from .backups.checks import check_backups
from .backups.derive import backup_authorities, backup_config
from .backups.model import backups_from, backups_of, made_secrets
from .backups.schema import BACKUPS
from .backups.volume_checks import check_sources
from .model import Declaration, Derivation, Part, Section

FOLDERS = (
    "routes",
    "services",
    "secrets",
    "network",
    "updates",
    "watchdog",
)


def _read_secrets(declaration: Declaration) -> list[tuple[str, str]]:
    backups = backups_of(declaration)
    return list(backups.secrets()) if backups else []


def _stale_after(declaration: Declaration) -> float:
    backups = backups_of(declaration)
    return backups.stale_after if backups else 0


_BACKUPS = Section(
    parts={"backups": Part(BACKUPS, backups_from)},
    checks=(check_backups,),
    compose_checks=(check_sources,),
    derivations={"backup_config": Derivation(backup_config, dict), "backup_authorities": Derivation(backup_authorities, list)},
    reads=_read_secrets,
    makes=made_secrets,
    facts={"backup_max_age": _stale_after},
)
SECTIONS: tuple[Section, ...] = (*(import_module(f".{folder}.section", __package__).SECTION for folder in FOLDERS), _BACKUPS)
