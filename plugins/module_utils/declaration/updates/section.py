# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The section C(update), and how services are updated."""

from __future__ import annotations

from ...contracts.rollout_policy import Hooks
from ..model import Derivation, Part, Section
from .checks import check_updates
from .derive import rollout_hooks, rollout_policies
from .model import stack_update_from
from .schema import STACK_UPDATE

SECTION = Section(
    parts={"update": Part(STACK_UPDATE, stack_update_from)},
    compose_checks=(check_updates,),
    derivations={"rollout_policies": Derivation(rollout_policies, list), "rollout_hooks": Derivation(rollout_hooks, Hooks().to_dict)},
)
