# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names of networks that take the place of others."""

from __future__ import annotations

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.containers.network_names import first, following, generation

HASH = "3f2a90c1d4e7"


def test_each_comes_after_those_before_it() -> None:
    """A container in two networks is reached by the first one by name: it keeps its address."""
    names = ["shop_default"]
    for _change in range(20):
        names.append(following("shop_default", names[-1], HASH))
    assert names[1] == "shop_default_02_3f2a90" and names == sorted(names)
    assert {first(name) for name in names} == {"shop_default"}
    assert [generation(name) for name in names[:3]] == [0, 2, 3]


@pytest.mark.parametrize("name", ["shop_default", "shop_default_02", "shop_default_3f2a90", "shop_default_02_xyz", "backend"])
def test_names_of_the_operator_are_left_alone(name: str) -> None:
    assert (generation(name), first(name)) == (0, name)
