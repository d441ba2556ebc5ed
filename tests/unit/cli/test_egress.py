# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What containers reach, as a table; and names without an address."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.cli import egress as verb
from ansible_collections.latentum.ops.plugins.module_utils.cli.output import Output
from ansible_collections.latentum.ops.plugins.module_utils.contracts.container_access import Destination, NetworkAccess
from ansible_collections.latentum.ops.plugins.module_utils.firewall import containment, egress


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, path in (("FOLDER", ""), ("ACCESS", "containers"), ("ADDRESSES", "egress.json"), ("STATE", "containers.json")):
        monkeypatch.setattr(containment, name, tmp_path / path)
    return tmp_path


def call(way: str, *, as_json: bool = False) -> int:
    return verb.run_verb(argparse.Namespace(way=way), Output(as_json=as_json))


def test_without_any_it_says_so(host: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("show") == 0 and "containers reach everything" in capsys.readouterr().out


def test_a_table_by_stack_and_network(host: Path, capsys: pytest.CaptureFixture[str]) -> None:
    there = (Destination("api.example.com", 443), Destination("203.0.113.0/24", 53, "udp"), Destination("gone.example.com", 1))
    containment.keep_access("shop", [NetworkAccess("edge", egress=there)])
    egress.ask(containment.ADDRESSES, ["api.example.com"], lookup=lambda _name: ["192.0.2.1", "2001:db8::1"])
    assert call("show") == 0
    shown = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "shop edge api.example.com 443/tcp 192.0.2.1, 2001:db8::1" in shown
    assert "shop edge 203.0.113.0/24 53/udp 203.0.113.0/24" in shown and "shop edge gone.example.com 1/tcp none yet" in shown
    assert call("show", as_json=True) == 0
    assert json.loads(capsys.readouterr().out)["egress"][0]["addresses"] == ["192.0.2.1", "2001:db8::1"]


def test_a_name_without_an_address_is_told(host: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(containment, "refresh", lambda: ["gone.example.com"])
    assert call("refresh") == 1 and "gone.example.com has no address now" in capsys.readouterr().out


def test_a_host_that_holds_nothing_back_has_nothing_to_ask(host: Path) -> None:
    assert call("refresh") == 0 and not (host / "egress.json").exists()
