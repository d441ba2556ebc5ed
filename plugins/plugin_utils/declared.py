# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the filters on a declaration share: an empty one gives an empty result, a wrong one a readable error."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ansible.errors import AnsibleFilterError

from ..module_utils.declaration.loader import InvalidDeclaration, is_empty, load
from ..module_utils.declaration.model import Declaration

_T = TypeVar("_T")


def derived(derive: Callable[[Declaration], _T], empty: Callable[[], _T]) -> Callable[[object], _T]:
    """A filter from a function of the typed declaration."""

    def apply(stack: object) -> _T:
        if is_empty(stack):
            return empty()
        try:
            return derive(load(stack))
        except InvalidDeclaration as error:
            raise AnsibleFilterError(str(error)) from None

    return apply
