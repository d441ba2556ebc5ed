# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses of the names that containers may reach: as DNS gives them, and for a while after."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.container_access import Destination, NetworkAccess
from ansible_collections.latentum.ops.plugins.module_utils.firewall import egress


def dns(**given: Iterable[str]) -> Callable[[str], Iterable[str]]:
    """One that knows these names, without their dots."""

    def lookup(name: str) -> Iterable[str]:
        try:
            return given[name.replace(".", "")]
        except KeyError:
            raise socket.gaierror("Name or service not known") from None

    return lookup


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "egress.json"


def test_names_of_all_stacks_once_and_no_addresses() -> None:
    api, network = Destination("api.example", 443), Destination("203.0.113.0/24", 443)
    accesses = {"a": [NetworkAccess("x", egress=(api, network))], "b": [NetworkAccess("y", egress=(api,)), NetworkAccess("z")]}
    assert egress.names(accesses) == ["api.example"]


def test_an_address_that_dns_gives_no_more_is_good_for_an_hour(file: Path) -> None:
    assert egress.ask(file, ["a.example"], now=0, lookup=dns(aexample=["192.0.2.1", "2001:db8::1"])) == []
    assert egress.ask(file, ["a.example"], now=1800, lookup=dns(aexample=["192.0.2.2"])) == []
    assert egress.addresses(file) == {"a.example": ["192.0.2.1", "192.0.2.2", "2001:db8::1"]}
    egress.ask(file, ["a.example"], now=3601, lookup=dns(aexample=["192.0.2.2"]))
    assert egress.addresses(file) == {"a.example": ["192.0.2.2"]}


def test_while_dns_does_not_answer_what_was_known_stays_however_long(file: Path) -> None:
    egress.ask(file, ["a.example"], now=0, lookup=dns(aexample=["192.0.2.1"]))
    assert egress.ask(file, ["a.example", "b.example"], now=10**6, lookup=dns()) == ["a.example", "b.example"]
    assert egress.addresses(file) == {"a.example": ["192.0.2.1"], "b.example": []}


def test_a_name_that_nobody_declares_any_more_is_forgotten(file: Path) -> None:
    egress.ask(file, ["a.example"], now=0, lookup=dns(aexample=["192.0.2.1"]))
    egress.ask(file, [], now=1)
    assert egress.addresses(file) == {}


def test_nothing_is_written_where_nothing_was_ever_declared(file: Path) -> None:
    assert egress.ask(file, []) == [] and not file.exists()


def test_a_damaged_file_is_put_aside(file: Path) -> None:
    file.write_text("{")
    assert egress.addresses(file) == {} and not file.exists()


def test_the_resolver_of_this_machine() -> None:
    assert egress.of_dns("localhost") & {"127.0.0.1", "::1"}
    with pytest.raises(OSError, match=r".*"):
        egress.of_dns("no-such-name.invalid")
