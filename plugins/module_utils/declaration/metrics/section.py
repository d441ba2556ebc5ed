# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""C(metrics) of services: exporters of databases and caches."""

from __future__ import annotations

from ..model import Derivation, Section
from .checks import check_metrics
from .derive import claims, database_exporters
from .measured import made_secrets, read_secrets

SECTION = Section(
    parts={},
    compose_checks=(check_metrics,),
    derivations={"database_exporters": Derivation(database_exporters, list, merged=True, whole=True)},
    reads=read_secrets,
    makes=made_secrets,
    claims=claims,
)
