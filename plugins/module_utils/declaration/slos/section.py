# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The section C(slos)."""

from __future__ import annotations

from ..model import Derivation, Part, Section
from .checks import check_slo_subjects, check_slos
from .derive import slo_objectives, slo_settings
from .model import slos_from
from .schema import SLOS

SECTION = Section(
    parts={"slos": Part(SLOS, slos_from)},
    checks=(check_slos,),
    compose_checks=(check_slo_subjects,),
    derivations={
        "slo_objectives": Derivation(slo_objectives, list, merged=True),
        "slo_settings": Derivation(slo_settings, dict),
    },
)
