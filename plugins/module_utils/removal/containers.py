# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Docker's engine has of a stack: its containers, networks and volumes, found by the labels that Compose gives them."""

from __future__ import annotations

from ..containers.api import Conflict, EngineError, NotFound
from ..containers.client import PROJECT, DockerUnavailable, Engine, parse
from .report import Report


def containers(engine: Engine, stack: str, report: Report) -> None:
    """Stop them, each within its grace period, and remove them; also those of `docker compose run` that are left over."""
    for brief in engine.api.containers(all=True, filters={"label": [f"{PROJECT}={stack}"]}):
        try:
            container = parse(engine.api.inspect_container(brief["Id"]))
        except NotFound:
            continue
        report.goes("container", container.name)
        if not report.check:
            engine.remove(container)


def networks(engine: Engine, stack: str, report: Report) -> None:
    """Those that Compose made; one that a container of somebody else is in stays."""
    for name in engine.networks(stack):
        if report.check or engine.remove_network(name):
            report.goes("network", name)
        else:
            report.stays("network", f"{name}: a container of another project is in it")


def volumes(engine: Engine, stack: str, report: Report, *, remove: bool) -> None:
    """The data. Kept unless it is to go as well; what is external was never the stack's."""
    for volume in (engine.api.volumes({"label": [f"{PROJECT}={stack}"]}).get("Volumes")) or ():
        name = str(volume["Name"])
        if not remove:
            report.stays("volume", name)
            continue
        report.goes("volume", name)
        if not report.check:
            _remove_volume(engine, name)


def _remove_volume(engine: Engine, name: str) -> None:
    try:
        engine.api.remove_volume(name)
    except NotFound:
        return
    except (Conflict, EngineError) as error:
        raise DockerUnavailable(f"the volume {name} could not be removed: {error}") from error
