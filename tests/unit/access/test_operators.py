# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What scopes permit, and which certificates open an account where."""

from __future__ import annotations

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.access.operators import EVERY_STACK, Level

from .people import entry, operators

ANNA, BEN, CARL = operators(
    entry("anna", 1),
    entry("ben", 2, scopes=[{"level": "read"}, {"level": "deploy", "stacks": ["shop"]}]),
    entry("carl", 3, level="", scopes=[{"level": "deploy", "stacks": ["blog"]}], certificates=True),
    authority=True,
)


@pytest.mark.parametrize(
    ("level", "stack", "who"),
    [
        (Level.READ, "shop", "anna ben"),
        (Level.READ, "blog", "anna ben carl"),  # a higher level holds the lower ones
        (Level.READ, EVERY_STACK, "anna ben"),
        (Level.DEPLOY, "shop", "anna ben"),
        (Level.DEPLOY, "blog", "anna carl"),
        (Level.DEPLOY, EVERY_STACK, "anna"),
        (Level.ADMIN, "shop", "anna"),
        (Level.ADMIN, EVERY_STACK, "anna"),
        (Level.READ, "other", "anna ben"),
    ],
)
def test_who_may(level: Level, stack: str, who: str) -> None:
    assert [person.name for person in (ANNA, BEN, CARL) if person.permits(level, stack)] == who.split()


def test_a_certificate_for_a_stack_is_good_where_that_stack_is() -> None:
    assert CARL.principals(["shop", "blog"]) == ["carl", "carl@blog"]
    assert CARL.principals(["shop"]) == ["carl"]
    assert BEN.principals(["shop"]) == [], "who has none declared is opened by none"
