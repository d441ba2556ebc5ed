# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The section C(services)."""

from __future__ import annotations

from ..compose_project import compose_project
from ..model import Derivation, Part, Section
from .checks import check_services
from .derive import health_expectations, secret_entries, secret_readers
from .model import services_from
from .schema import SERVICES

SECTION = Section(
    parts={"services": Part(SERVICES, services_from)},
    compose_checks=(check_services,),
    derivations={
        "compose_project": Derivation(compose_project, dict),
        "secret_entries": Derivation(secret_entries, list, secret=True),
        "secret_readers": Derivation(secret_readers, dict),
        "health_expectations": Derivation(health_expectations, list),
    },
)
