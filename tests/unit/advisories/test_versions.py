# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Versions of Debian packages in their order, as dpkg compares them."""

from __future__ import annotations

import random
import shutil
import subprocess

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.advisories.versions import older

# From the first to the last; neighbours of one line are the same version.
ORDER = [
    ["1.0~~", "1.0~~-0"],
    ["1.0~rc1-1"],
    ["1.0~rc2-1"],
    ["1.0", "1.0-0", "0:1.0"],
    ["1.0-1"],
    ["1.0-1+b1"],
    ["1.0-1+deb12u1"],
    ["1.0-1+deb12u2"],
    ["1.0-1+deb12u10"],
    ["1.0-2~bpo12+1"],
    ["1.0-2"],
    ["1.0a-1"],
    ["1.0+dfsg-1"],
    ["1.0.1"],
    ["1.9"],
    ["1.10"],
    ["6.12.9+deb13-amd64"],
    ["6.12.41+deb13-amd64"],
    ["20.10.24+dfsg1-1"],
    ["1:0.1"],
    ["5:28.5.1-1~debian.13~trixie"],
    ["5:28.5.2-1~debian.13~trixie"],
]


def test_each_version_is_older_than_all_after_it() -> None:
    for place, versions in enumerate(ORDER):
        for version in versions:
            for other_place, others in enumerate(ORDER):
                for other in others:
                    assert older(version, other) is (place < other_place), (version, other)


@pytest.mark.skipif(not shutil.which("dpkg"), reason="no dpkg here")
def test_dpkg_says_the_same() -> None:
    known, choice = [version for versions in ORDER for version in versions], random.Random(16)  # noqa: S311 - the same pairs each time
    for _pair in range(40):
        one = choice.choice(known)
        other = choice.choice(
            [choice.choice(known), f"{one}{choice.choice(['~', '+b1', '.1', '-1'])}", one[: max(1, len(one) // 2)].rstrip("-:~")]
        )
        done = subprocess.run(["dpkg", "--compare-versions", one, "lt", other], capture_output=True, check=False)
        assert done.stderr or older(one, other) is (done.returncode == 0), (one, other)
