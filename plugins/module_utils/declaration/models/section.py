# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The section C(models)."""

from __future__ import annotations

from ..model import Derivation, Part, Section
from .checks import check_models
from .derive import entries, read_secrets, registered_models
from .model import models_from
from .schema import MODELS

SECTION = Section(
    parts={"models": Part(MODELS, models_from)},
    compose_checks=(check_models,),
    derivations={"registered_models": Derivation(registered_models, list)},
    reads=read_secrets,
    facts={"models": lambda declaration: tuple(entries(declaration))},
)
