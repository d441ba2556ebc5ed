# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rotation: containers that fail get no traffic, although Docker may call them healthy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..contracts.watchdog_settings import StackSpec
from ..nginx import out_of_rotation
from . import privileged_requests
from .failures import Failures
from .findings import Finding
from .judgement import Judgement
from .picture import Picture


def rotate(
    stacks: Iterable[StackSpec], picture: Picture, judgement: Judgement, findings: Mapping[str, Finding], failures: Failures
) -> bool:
    """Who fails gets no traffic until all of its service is well again; whether that changed.

    Nobody is out of a stack that is not watched: nobody would bring its containers back.

    :param findings: by key, of a look at an engine that answers: a service that was not looked at counts as well.
    :param failures: tolerate a list that cannot be written; the next round is the next try.
    """
    wanted: dict[str, dict[str, str]] = {name: {} for name in out_of_rotation.stacks()}
    wanted |= {stack.name: _out(stack, picture, judgement, findings) for stack in stacks}
    changed = False
    for name, entries in wanted.items():
        with failures.tolerate(f"writing who of {name} gets no traffic"):
            changed = privileged_requests.put_out(name, entries) or changed
    return changed


def _out(stack: StackSpec, picture: Picture, judgement: Judgement, findings: Mapping[str, Finding]) -> dict[str, str]:
    """Who of a stack is to be out, with the reason."""
    wanted: dict[str, str] = {}
    alive = {container.id: container for container in picture.containers(stack.name)}
    before = out_of_rotation.load(stack.name)
    for spec in stack.services:
        key = f"{stack.name}/{spec.service}"
        finding, incident = findings.get(key), judgement.subject(key).incident
        if finding is None or incident is None:
            continue
        bad = {
            fault.container.id: fault.reason for fault in finding.faults if fault.container and fault.remedy != "none" and fault.confirmed
        }
        kept = {identity: why for identity, why in before.items() if identity in alive and alive[identity].service == spec.service}
        wanted |= kept | bad
    return wanted
