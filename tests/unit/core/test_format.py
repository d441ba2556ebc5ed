# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables and sentences that fit a terminal."""

from __future__ import annotations

from ansible_collections.latentum.ops.plugins.module_utils.core.format import columns, fitted, folded, shortened

ROWS = [["", "service", "image"], ["ok", "a" * 30, f"registry.example.com/{'x' * 90}:1.0.0"], ["ok", "web", "nginx:1"]]


def test_the_widest_columns_give_way_and_keep_both_ends() -> None:
    lines = list(columns(fitted(ROWS, 80)))
    assert max(map(len, lines)) == 80
    assert "a" * 30 in lines[1] and "registry" in lines[1] and lines[1].endswith(":1.0.0")


def test_what_fits_stays_as_it_is() -> None:
    assert fitted(ROWS, 400) == ROWS
    assert shortened("nginx:1", 7) == "nginx:1"
    assert len(shortened("n" * 50, 7)) == 7


def test_a_row_of_many_columns_ends_somewhere() -> None:
    assert fitted([["ab"] * 10], 3) == [["…"] * 10]


def test_a_long_line_goes_on_below_and_loses_no_word() -> None:
    sentence = "!! web: " + "the registry does not answer, " * 10
    text = f"ok  web\n{sentence}\n   done"
    lines = folded(text, 60).splitlines()
    assert max(map(len, lines)) <= 60 and lines[0] == "ok  web" and lines[-1] == "   done"
    assert all(line.startswith("   ") for line in lines[2:-1])
    assert " ".join(" ".join(lines[1:-1]).split()) == sentence.strip()


def test_what_is_copied_stays_in_one_piece() -> None:
    path = "/var/lib/" + "deep/" * 20 + "file"
    assert path in folded(f"look at {path} please", 60).splitlines()[1]
