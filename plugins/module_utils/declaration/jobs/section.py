# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The section C(jobs)."""

from __future__ import annotations

from ..model import Derivation, Part, Section
from .checks import check_containers, check_jobs
from .derive import jobs_config
from .model import jobs_from
from .schema import JOBS

SECTION = Section(
    parts={"jobs": Part(JOBS, jobs_from)},
    checks=(check_jobs,),
    compose_checks=(check_containers,),
    derivations={"jobs_config": Derivation(jobs_config, dict)},
)
