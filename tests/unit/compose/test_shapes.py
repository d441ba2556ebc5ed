# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole projects, as the real CLIs read them (recorded/shapes-*.json).

What is made of each here is the same to them, or it is refused by name. tests/tools/compose_shapes.py records the verdicts; a change of
what is made of a shape needs new ones.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "tests/tools"))

import compose_shapes
from shapes import SHAPES, Shape

RECORDED = {file.stem: json.loads(file.read_text()) for file in sorted((Path(__file__).parent / "recorded").glob("shapes-*.json"))}
# Taken by a CLI on a machine with all that they name.
REFUSED_HERE = {"a profile that nothing has"}


def test_both_clis_are_recorded() -> None:
    assert set(RECORDED) == {"shapes-2.26.1", "shapes-2.40.3"}
    assert all(set(recorded) == {shape.name for shape in SHAPES} for recorded in RECORDED.values())
    assert len({shape.name for shape in SHAPES}) == len(SHAPES) >= 80


@pytest.mark.parametrize("shape", [pytest.param(shape, id=shape.name) for shape in SHAPES])
def test_the_clis_read_the_same_in_what_is_made_here(shape: Shape) -> None:
    with compose_shapes.laid_out(shape) as folder:
        ours, problems = compose_shapes.made(shape, folder)
    verdicts = {version.removeprefix("shapes-"): recorded[shape.name] for version, recorded in RECORDED.items()}
    if shape.refused:
        assert any(shape.refused in problem.problem for problem in problems), problems
        assert shape.name in REFUSED_HERE or not any(verdict["taken"] for verdict in verdicts.values())
        return
    assert problems == []
    assert all(ours == verdict["made"] for verdict in verdicts.values()), "record the shapes again: tests/tools/compose_shapes.py"
    assert {version for version, verdict in verdicts.items() if verdict["taken"] and not verdict["same"]} == set(shape.unlike), verdicts
    assert any(verdict["taken"] for verdict in verdicts.values()), verdicts


def test_most_shapes_are_taken() -> None:
    taken = [shape for shape in SHAPES if not shape.refused]
    assert len(taken) >= 60
