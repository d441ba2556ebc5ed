# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The section C(builds)."""

from __future__ import annotations

from ..model import Derivation, Part, Section
from .checks import check_builds
from .derive import image_builds, read_secrets
from .model import builds_from
from .schema import BUILDS

SECTION = Section(
    parts={"builds": Part(BUILDS, builds_from)},
    compose_checks=(check_builds,),
    derivations={"image_builds": Derivation(image_builds, list)},
    reads=read_secrets,
)
