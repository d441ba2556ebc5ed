# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares what two environments of the inventory declare and, where hosts were asked, what they run. Changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.latentum.ops.plugins.module_utils.core.masking import clean
from ansible_collections.latentum.ops.plugins.module_utils.environments.difference import (
    Difference,
    Kind,
    differences,
    running,
    shared,
    table,
)
from ansible_collections.latentum.ops.plugins.module_utils.environments.outline import Outline, outline
from ansible_collections.latentum.ops.plugins.plugin_utils.environments import declarations, hosts_of

OPTIONS = {
    "source": {"type": "str", "required": True},
    "target": {"type": "str", "required": True},
    "expected": {"type": "list", "elements": "str", "default": []},
    "live": {"type": "str", "default": ""},
}


class Side:
    """One environment: outlines by stack, images that run by stack and service, and what is to be said about it."""

    def __init__(self, name: str, hostvars: Mapping[str, Any], hosts: list[str], live: str) -> None:
        self.name, self.notes = name, []
        self.hosts = hosts_of(name, hostvars, hosts)
        self.outlines: dict[str, Outline] = {}
        self.images: dict[str, dict[str, str]] = {}
        for host in self.hosts:
            for declaration in declarations(host, hostvars[host]):
                mine = outline(declaration)
                if self.outlines.setdefault(mine.stack, mine) != mine:
                    self.notes.append(f"{name}: {host} declares stack {mine.stack} otherwise than {self.hosts[0]}, which is shown")
            if live:
                self._look(host, hostvars[host].get(live))

    def _look(self, host: str, result: Any) -> None:
        """What a host answered: a result of compose_release_info, or of a loop over stacks."""
        for answer in (result or {}).get("results", [result]) if isinstance(result, Mapping) else [{}]:
            if not isinstance(answer, Mapping) or answer.get("skipped"):
                continue
            if "releases" not in answer:
                self.notes.append(f"{self.name}: {host} was not seen: {clean(answer.get('msg') or 'it did not answer', 200)}")
                continue
            stack = str(answer["table"]).partition(" ")[0].rstrip(":")
            images = next((dict(release["images"]) for release in answer["releases"] if release["live"]), {})
            if self.images.setdefault(stack, images) != images:
                self.notes.append(f"{self.name}: {host} runs other images of {stack} than {self.hosts[0]}, which is shown")


class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible has no type hints
    """Of the hosts' variables only what is declared is read. Values of secrets are in no result."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The differences, as a table and as data."""
        super().run(tmp, task_vars)
        _validated, given = self.validate_argument_spec(argument_spec=OPTIONS)
        variables = task_vars or {}
        hosts = list(variables["groups"]["all"])
        before, after = (Side(given[end], variables["hostvars"], hosts, given["live"]) for end in ("source", "target"))
        pairs = _pairs(before, after)
        all_differences = [difference for pair in pairs for difference in _compared(before, after, *pair, expected=given["expected"])]
        notes = [*before.notes, *after.notes]
        for stack, other in pairs:
            same = shared(before.outlines[stack], after.outlines[other]) if stack and other else []
            notes += [f"{other}: secret {name} has the same value in both environments" for name in same]
        notes = list(dict.fromkeys(notes))
        text = table((before.name, after.name), all_differences, notes)
        data = {
            "from": {"environment": before.name, "hosts": before.hosts, "stacks": list(before.outlines)},
            "to": {"environment": after.name, "hosts": after.hosts, "stacks": list(after.outlines)},
            "differences": [difference.to_dict() for difference in all_differences],
            "notes": notes,
        }
        return {"changed": False, "difference": data, "table": text}


def _pairs(before: Side, after: Side) -> list[tuple[str, str]]:
    """Stacks of the same name; where each environment has one, those two whatever they are called. Empty for a missing one."""
    if len(before.outlines) == len(after.outlines) == 1:
        return [(next(iter(before.outlines)), next(iter(after.outlines)))]
    names = dict.fromkeys([*before.outlines, *after.outlines])
    return [(name if name in before.outlines else "", name if name in after.outlines else "") for name in names]


def _compared(before: Side, after: Side, stack: str, other: str, expected: list[str]) -> list[Difference]:
    if not stack or not other:
        kind = Kind.REMOVED if stack else Kind.ADDED
        return [Difference(stack or other, kind, "stack", stack or None, other or None)]
    stack_differences = differences(before.outlines[stack], after.outlines[other], expected)
    if stack in before.images and other in after.images:
        stack_differences += running(before.images[stack], after.images[other], other)
    return stack_differences
