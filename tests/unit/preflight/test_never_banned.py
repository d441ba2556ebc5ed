# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A mistyped address among those that are never banned is named before anything changes."""

from __future__ import annotations

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.preflight.never_banned import by_fail2ban, by_sshd

from .hosts import RecordedHost, wanted

GOOD = ["203.0.113.7", "203.0.113.0/24", "2001:db8::/32", "2001:db8::7"]
BAD = {
    "203.0.113.7/24": ("host bits set", "write the network 203.0.113.0/24 or the host 203.0.113.7"),
    "203.0.113.300": ("is no address", "write an address or a network"),
    "203.0.113.*": ("is no address", "write an address or a network"),
    "fe80::1%eth0": ("is no address", "write an address or a network"),
    "any": ("everybody", "write addresses or networks"),
}


def test_addresses_and_networks_are_taken() -> None:
    assert list(by_fail2ban(RecordedHost(), wanted("fail2ban", ignore=[*GOOD, "office.example.com"]))) == []
    assert list(by_sshd(RecordedHost(), wanted("ssh_hardening", never_penalised=GOOD))) == []


@pytest.mark.parametrize(("entry", "words"), BAD.items())
def test_anything_else_is_named_with_what_to_write(entry: str, words: tuple[str, str]) -> None:
    for key, problems in (
        ("fail2ban_ignore", by_fail2ban(RecordedHost(), wanted("fail2ban", ignore=[*GOOD, entry]))),
        ("ssh_hardening_never_penalised", by_sshd(RecordedHost(), wanted("ssh_hardening", never_penalised=[*GOOD, entry]))),
    ):
        (problem,) = problems
        assert (problem.key, problem.value) == (key, entry) and words[0] in problem.problem and problem.fix.startswith(words[1])


def test_sshd_compares_no_names() -> None:
    (problem,) = by_sshd(RecordedHost(), wanted("ssh_hardening", never_penalised=["office.example.com"]))
    assert problem.value == "office.example.com" and problem.fix.startswith("write an address")
