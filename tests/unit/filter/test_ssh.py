# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nobody locks themselves out: who could not come back is told before anything changes."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.latentum.ops.plugins.filter.ssh import login_refusals, supported_algorithms

ANNA = ["user anna", "group anna", "group sudo", "key authorized_keys"]


@pytest.mark.parametrize(
    ("seen", "users", "groups", "root", "words"),
    [
        (ANNA, [], [], "no", []),
        (ANNA, ["anna"], ["sudo", "ssh"], "no", []),
        (ANNA, ["an*@10.0.0.0/8"], ["s?do"], "no", []),
        (ANNA, ["ben"], [], "no", ["ssh_hardening_allow_users: anna, whom"]),
        (ANNA, ["*", "!anna"], [], "no", ["ssh_hardening_allow_users: "]),
        (ANNA, [], ["ssh"], "no", ["ssh_hardening_allow_groups: anna is in none of these groups, only in anna, sudo"]),
        (ANNA[:3], [], [], "no", ["anna has no ~/.ssh/authorized_keys"]),
        (["user root", "group root", "key authorized_keys"], [], [], "no", ["root may not log in any more"]),
        (["user root", "group root", "key authorized_keys"], [], [], "prohibit-password", []),
        (["user root", "group root"], ["anna"], ["sudo"], "no", ["root may", "no ~/.ssh", "allow_users", "allow_groups"]),
    ],
)
def test_who_may_come_back(seen: list[str], users: list[str], groups: list[str], root: str, words: list[str]) -> None:
    refusals = login_refusals(seen, users, groups, root)
    assert len(refusals) == len(words)
    assert all(word in refusal for word, refusal in zip(words, refusals, strict=True))


def test_algorithms_keep_their_order_and_the_unknown_ones_go() -> None:
    wanted = {"kex": ["new", "b", "a"], "mac": ["m"]}
    assert supported_algorithms(wanted, ["kex a", "kex b", "mac m", "mac new"]) == {"kex": ["b", "a"], "mac": ["m"]}
    assert supported_algorithms(wanted, []) == wanted
    with pytest.raises(AnsibleFilterError, match="kind mac"):
        supported_algorithms(wanted, ["kex a"])
