# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The section C(files)."""

from __future__ import annotations

from ..model import Derivation, Part, Section
from .checks import check_files
from .derive import carried_files
from .model import entries_from
from .schema import FILES

SECTION = Section(
    parts={"files": Part(FILES, entries_from)},
    compose_checks=(check_files,),
    derivations={"carried_files": Derivation(carried_files, list)},
)
