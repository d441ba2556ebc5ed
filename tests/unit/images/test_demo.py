# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of the demo that need no host."""

from __future__ import annotations

import socket

import demo
import pytest


@pytest.mark.parametrize(
    ("line", "changes"),
    [
        ("latentum-demo              : ok=44   changed=20   unreachable=0    failed=0", 20),
        ("\x1b[0;32mlatentum-demo\x1b[0m : \x1b[0;32mok=41  \x1b[0m changed=0    unreachable=0", 0),
        ("changed: [latentum-demo]", None),
        ("latentum-demo-2 : ok=1 changed=3", None),
    ],
)
def test_changes_are_read_from_the_closing_table(line: str, changes: int | None) -> None:
    assert demo.recap(line) == changes


def test_a_port_that_is_taken_is_seen() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        assert demo.occupied({port: 443}) == [port]
    assert demo.occupied({port: 443}) == []
