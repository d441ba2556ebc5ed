# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of stacks that a run does not know stay, and the order is the same whoever runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.core import paths
from ansible_collections.latentum.ops.plugins.module_utils.firewall.rules import FirewallError, Rule, parse_rules
from ansible_collections.latentum.ops.plugins.module_utils.firewall.sharing import PART, shared
from ansible_collections.latentum.ops.plugins.module_utils.firewall.ufw_files import ALL, SETTINGS, USER, Kept
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig import shares
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.entries import write

SSH: dict[str, Any] = {"action": "limit", "port": 22, "protocol": "tcp", "comment": "SSH"}
WEB: list[dict[str, Any]] = [{"port": port, "protocol": "tcp", "comment": "HTTP"} for port in (80, 443)]
METRICS: dict[str, Any] = {"port": 9443, "protocol": "tcp", "from": ["203.0.113.0/24", "2001:db8::/32"], "comment": "shop"}
MAIL: dict[str, Any] = {"port": 25, "protocol": "tcp", "comment": "blog"}
CLOSED: dict[str, Any] = {"action": "deny", "port": 9999, "protocol": "tcp"}


class Host:
    """UFW's files and the shares of a host; a run writes both."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []

    @property
    def kept(self) -> Kept:
        files = dict.fromkeys(ALL, "")
        for family in (4, 6):
            files[USER[family]] = "".join(f"### tuple ### {rule.stored(family)}\n" for rule in self.rules if family in rule.families)
        return Kept({**files, SETTINGS: "ENABLED=yes\n"})

    def run(self, *, extra: Sequence[dict[str, Any]] = (), **stacks: list[dict[str, Any]]) -> bool:
        """As role firewall does; whether the rules changed."""
        flat = parse_rules([SSH, *(rule for rules in stacks.values() for rule in rules), *extra])
        result = shared(flat, {stack: parse_rules(rules) for stack, rules in stacks.items()}, self.kept)
        for entry in result.recorded:
            write(entry)
        changed = list(result.rules) != self.rules
        self.rules = list(result.rules)
        return changed

    @property
    def ports(self) -> list[str]:
        return list(dict.fromkeys(rule.port for rule in self.rules))


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Host:
    for name in ("SHARES", "STACKS", "UPSTREAMS"):
        monkeypatch.setattr(paths, name, tmp_path / name.lower())
    (tmp_path / "stacks").mkdir()
    return Host()


def deployed(stack: str) -> None:
    (paths.STACKS / f"{stack}.json").write_text("{}")


def test_one_stack_alone_has_the_rules_in_the_order_in_which_they_are_declared(host: Host) -> None:
    assert host.run(shop=[*WEB, METRICS], extra=[CLOSED])
    assert host.rules == parse_rules([SSH, *WEB, METRICS, CLOSED])
    assert not host.run(shop=[*WEB, METRICS], extra=[CLOSED])


def test_a_host_without_stacks_has_what_its_own_rules_say(host: Host) -> None:
    host.run(extra=[CLOSED])
    assert host.rules == parse_rules([SSH, CLOSED]) and not paths.SHARES.exists()


def test_two_inventories_leave_each_other_alone_in_one_order(host: Host) -> None:
    host.run(shop=[*WEB, METRICS], extra=[CLOSED])
    assert host.run(blog=[*WEB, MAIL], extra=[CLOSED])
    assert host.ports == ["22", "80", "443", "25", "9443", "9999"]
    assert not host.run(shop=[*WEB, METRICS], extra=[CLOSED])
    assert not host.run(blog=[*WEB, MAIL], extra=[CLOSED])
    assert not host.run(shop=[*WEB, METRICS], blog=[*WEB, MAIL], extra=[CLOSED])
    assert not host.run(extra=[CLOSED]), "an inventory of the host alone takes nothing away either"


def test_what_a_stack_declares_no_more_is_closed_and_what_another_needs_is_not(host: Host) -> None:
    host.run(shop=[*WEB, METRICS])
    host.run(blog=WEB)
    host.run(shop=[])
    assert host.ports == ["22", "80", "443"]
    host.run(blog=[])
    assert host.ports == ["22"]


def test_a_port_that_two_stacks_of_a_run_open_is_both_of_theirs(host: Host) -> None:
    host.run(shop=[{**MAIL, "comment": "shop"}], blog=[MAIL])
    host.run(blog=[])
    assert host.ports == ["22", "25"]
    assert [rule.comment for rule in host.rules[1:]] == ["shop"]


def test_rules_that_the_operator_wrote_in_place_of_the_derived_ones_are_of_the_host(host: Host) -> None:
    flat = parse_rules([SSH, CLOSED])
    result = shared(flat, {"shop": parse_rules(WEB)}, host.kept)
    assert list(result.rules) == flat
    for entry in result.recorded:
        write(entry)
    assert shares.recorded(PART) == {"shop": {"rules": []}}


def test_a_host_from_before_shares_is_adopted_without_a_change(host: Host) -> None:
    host.rules = parse_rules([SSH, *WEB, METRICS, CLOSED])
    deployed("shop")
    assert not host.run(shop=[*WEB, METRICS], extra=[CLOSED])
    assert len(shares.recorded(PART)["shop"]["rules"]) == 4


def test_a_run_of_another_stack_adopts_what_it_finds_until_its_own_run_says_more(host: Host) -> None:
    host.rules = parse_rules([SSH, *WEB, METRICS])
    deployed("shop")
    host.run(blog=[*WEB, MAIL])
    assert host.ports == ["22", "80", "443", "25", "9443"]
    assert set(parse_rules([METRICS])) <= set(host.rules)
    host.run(shop=WEB)
    assert host.ports == ["22", "80", "443", "25"]


def test_on_a_host_without_stacks_rules_of_others_are_not_adopted(host: Host) -> None:
    host.rules = parse_rules([SSH, CLOSED])
    host.run(blog=WEB)
    assert host.ports == ["22", "80", "443"]


def test_a_rule_of_the_host_against_one_of_another_stack_is_refused_by_name(host: Host) -> None:
    host.run(shop=[METRICS])
    with pytest.raises(FirewallError, match=r"the stack shop of this host says allow to .*9443.*keep one of them"):
        host.run(blog=WEB, extra=[{**METRICS, "action": "deny"}])


def test_a_share_that_cannot_be_read_is_named(host: Host) -> None:
    host.run(shop=[METRICS])
    shares.path_of("shop", PART).write_text('{"rules": [{"port": 70000}]}')
    with pytest.raises(FirewallError, match=r"shop\.firewall\.json: rules\[0\].port"):
        host.run(blog=WEB)
