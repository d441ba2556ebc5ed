# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sections C(secrets) and C(databases)."""

from __future__ import annotations

from ..model import Part, Section
from .checks import check_databases, check_environment, check_secrets
from .model import databases_from, secrets_from
from .rotation import check_rotations
from .schema import DATABASES, SECRETS

SECTION = Section(
    parts={"secrets": Part(SECRETS, secrets_from), "databases": Part(DATABASES, databases_from)},
    compose_checks=(check_environment, check_secrets, check_databases, check_rotations),
)
