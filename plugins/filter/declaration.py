# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters that look at a declaration as a whole: its errors, advice, a report of them, a summary, and what a play remembers of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.latentum.ops.plugins.module_utils.declaration import loader
from ansible_collections.latentum.ops.plugins.plugin_utils.as_written import as_written
from ansible_collections.latentum.ops.plugins.plugin_utils.compose_folder import complete


def declaration_errors(stack: object) -> list[dict[str, str]]:
    return [problem.as_dict() for problem in loader.problems(complete(stack))]


def declaration_plain(stack: object) -> Any:
    return loader.without_values(as_written(stack))


def declaration_report(stack: object) -> str:
    return loader.report(loader.problems(complete(stack)))


def declaration_summary(stack: object) -> list[str]:
    """Nothing for a wrong declaration: its report says what there is to say, and both stand in one task."""
    if loader.is_empty(stack) or loader.problems(complete(stack)):
        return []
    return loader.summary(loader.load(complete(stack)))


def declaration_advice(stack: object) -> list[dict[str, str]]:
    return [item.as_dict() for item in loader.advice_on(complete(stack))]


class FilterModule:
    """Each is documented in a file of its own name."""

    def filters(self) -> dict[str, Callable[[object], Any]]:
        return {
            "declaration_advice": declaration_advice,
            "declaration_errors": declaration_errors,
            "declaration_plain": declaration_plain,
            "declaration_report": declaration_report,
            "declaration_summary": declaration_summary,
        }
