# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A line whose words several stacks have a part in: nobody's run takes away what another stack needs, or opens what nobody needs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig import shares, words
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.entries import EntryError, parse_entries
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.transaction import ConfigSet, apply

from .conftest import raw

pytestmark = pytest.mark.usefixtures("systemd", "stacks")
SHOP, BLOG = ("127.0.0.1:5434", "localhost:5434"), ("127.0.0.1:6380", "localhost:6380")


class Run:
    """Runs of role ssh_hardening with the stacks of an inventory."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "10-latentum-ops.conf"

    def content(self, ports: list[str]) -> str:
        line = f"PermitOpen {' '.join(ports)}\n" if ports else ""
        return f"X11Forwarding no\nAllowTcpForwarding local\n{line}GatewayPorts no\n"

    def __call__(self, left_out: tuple[str, ...] = (), **stacks: tuple[str, ...]) -> list[str]:
        """The changed paths."""
        written = [port for ports in stacks.values() for port in ports if port not in left_out]
        owners: dict[str, Any] = {str(self.file): {"directive": "PermitOpen", "after": "AllowTcpForwarding", "stacks": stacks}}
        made, recorded = words.shared("sshd", parse_entries([raw(self.file, content=self.content(written))]), owners)
        return apply(ConfigSet("sshd", made, journal=True, recorded=recorded), check_mode=False).paths

    @property
    def ports(self) -> set[str]:
        lines = [line for line in self.file.read_text().splitlines() if line.startswith("PermitOpen")]
        assert len(lines) <= 1, "only the first one would count"
        return set(lines[0].split()[1:]) if lines else set()


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def test_one_stack_writes_what_it_declares(run: Run) -> None:
    assert run(shop=SHOP) == [str(run.file)]
    assert run.file.read_text() == run.content(list(SHOP))
    assert run(shop=SHOP) == []


def test_a_run_that_knows_one_stack_leaves_the_ports_of_another(run: Run) -> None:
    """As with `-e ops_only=blog`, or from another repository."""
    run(shop=SHOP)
    assert run(blog=()) == []
    assert run.ports == set(SHOP)
    run(blog=BLOG)
    assert run.ports == {*SHOP, *BLOG}
    assert run(shop=SHOP) == [] == run(blog=BLOG), "the order is that of both"


def test_what_a_stack_declares_no_more_goes_and_what_another_needs_stays(run: Run) -> None:
    run(shop=(*SHOP, *BLOG), blog=BLOG)
    assert run(shop=SHOP) == [] and run.ports == {*SHOP, *BLOG}
    run(blog=())
    assert run.ports == set(SHOP)
    run(shop=())
    assert run.ports == set() and "PermitOpen" not in run.file.read_text()


def test_an_operator_who_left_one_out_is_heard(run: Run) -> None:
    run(left_out=("localhost:5434",), shop=SHOP)
    run(blog=BLOG)
    assert run.ports == {"127.0.0.1:5434", *BLOG}


def test_a_stack_from_before_there_were_shares_keeps_its_ports(run: Run, stacks: Any) -> None:
    run.file.write_text(run.content(list(SHOP)))
    shares.paths.STACKS.mkdir(parents=True, exist_ok=True)
    (shares.paths.STACKS / "shop.json").write_text(json.dumps({"name": "shop", "services": []}))
    run(blog=BLOG)
    assert run.ports == {*SHOP, *BLOG}
    run(blog=())
    assert run.ports == set(SHOP)


def test_a_stack_that_is_taken_away_takes_its_own(run: Run) -> None:
    run(shop=(*SHOP, *BLOG), blog=BLOG)
    entries, recorded, gone = words.without("sshd", "shop")
    assert sorted(gone) == sorted(SHOP)
    apply(ConfigSet("sshd", entries, journal=True, recorded=recorded), check_mode=False)
    assert run.ports == set(BLOG) and "GatewayPorts no" in run.file.read_text()
    assert words.without("sshd", "shop") == ([], [], [])


def test_a_file_that_lacks_the_line_before_it_is_refused(run: Run) -> None:
    run(shop=SHOP)
    fields: dict[str, Any] = {"directive": "PermitOpen", "after": "Nowhere", "stacks": {"blog": ()}}
    entries = parse_entries([raw(run.file, content=run.content([]))])
    with pytest.raises(EntryError, match="PermitOpen is to follow Nowhere"):
        words.shared("sshd", entries, {str(run.file): fields})
    with pytest.raises(EntryError, match="is not a file of this set"):
        words.shared("sshd", entries, {"/etc/other": fields})
