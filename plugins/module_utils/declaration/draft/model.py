# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A starting declaration, and the questions that only its operator can answer."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Question:
    """One answer that is not given: without it the check refuses, or something of the Compose file is missing.

    :param topic: C(waiver), C(image), C(value), C(secret), C(port) or C(other).
    :param key: as messages of the check name it.
    :param path: where the answer is written, from C(ops_stack); empty where it is not one value.
    :param example: an answer.
    """

    topic: str
    key: str
    reason: str
    path: tuple[str, ...] = ()
    example: Any = None


@dataclass
class Draft:
    """A beginning.

    :param stack: C(ops_stack) without its Compose file.
    :param compose: the changed Compose file.
    :param off: services of profiles that are off, as they were written.
    """

    stack: dict[str, Any]
    compose: dict[str, Any]
    off: dict[str, Any] = field(default_factory=dict)
    questions: list[Question] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def service(self, name: str) -> dict[str, Any]:
        """What is declared of a service, to be added to."""
        declared: dict[str, Any] = self.stack["services"].setdefault(name, {})
        return declared

    def as_stack(self) -> dict[str, Any]:
        """The whole declaration, as the check reads it."""
        return copy.deepcopy({**self.stack, "compose": self.compose})

    def answered(self, questions: list[Question]) -> dict[str, Any]:
        """The whole declaration with examples as answers, which shows what is left to ask."""
        stack = self.as_stack()
        for question in questions:
            if not question.path:
                continue
            place = stack
            for name in question.path[:-1]:
                place = place.setdefault(name, {})
            last = question.path[-1]
            place[last] = [*place.get(last, []), question.example] if question.topic == "waiver" else question.example
        return stack


def services(document: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The services of a Compose file that are mappings."""
    return {name: service for name, service in document["services"].items() if isinstance(service, dict)}
