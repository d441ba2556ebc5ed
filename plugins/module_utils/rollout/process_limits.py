# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Limits of processes of containers that stay: changed while they run, as far as they differ from what the release says."""

from __future__ import annotations

from collections.abc import Mapping

from ..compose.interpolation import Interpolation
from ..containers.client import Engine
from ..contracts.process_limit import limit_of
from ..release.store import Release


def wanted(release: Release) -> Mapping[str, int]:
    """Service to limit; 0 for none."""
    resolver = Interpolation(release.environment)
    return {name: limit_of(resolver.resolve(dict(spec), f"services.{name}")) for name, spec in release.project["services"].items()}


def bring(engine: Engine, release: Release) -> list[str]:
    """Sentences about what could not be changed: a container keeps the limit that it had, which is no reason to take a release back."""
    limits, problems = wanted(release), []
    for container in engine.containers(release.stack):
        if container.service not in limits or container.state != "running":
            continue
        try:
            engine.limit_processes(container, limits[container.service])
        except OSError as error:
            problems.append(f"{container.service}: {container.name} keeps the limit of processes that it had: {error}")
    return problems
