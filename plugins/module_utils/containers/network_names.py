# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of networks whose definition was changed: ``shop_default`` becomes ``shop_default_02_3f2a90``.

The number makes the name come after those before it: a container that is in both for a while keeps its address for nginx, and its gateway.
"""

from __future__ import annotations

import re

_LATER = re.compile(r"(?P<first>.+)_(?P<number>\d\d+)_[0-9a-f]{6}")


def generation(name: str) -> int:
    """The number in a name of ours; 0 in any other."""
    match = _LATER.fullmatch(name)
    return int(match["number"]) if match else 0


def first(name: str) -> str:
    """The name that the network had before it was ever changed."""
    match = _LATER.fullmatch(name)
    return match["first"] if match else name


def following(plain: str, there: str, definition: str) -> str:
    """The name of the network that takes the place of another.

    :param plain: its name without a number.
    :param there: the one that it takes the place of.
    :param definition: hash of what it is.
    """
    return f"{plain}_{max(2, generation(there) + 1):02d}_{definition[:6]}"
