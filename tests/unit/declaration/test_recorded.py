# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is derived from recorded declarations, to the byte.

Files on hosts and the hash by which a container is kept or replaced are made of these results: a change here replaces containers and
rewrites files on every host. One that is meant is recorded anew: ``RECORD=1 python -m pytest tests/unit/declaration/test_recorded.py``.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.filter.stack import FilterModule

RECORDED = sorted((Path(__file__).parent / "recorded").glob("*.json"))
FILTERS = FilterModule().filters()


def derived(stack: object) -> dict[str, Any]:
    """The result of every filter that derives something."""
    return {name: derive(stack) for name, derive in FILTERS.items()}


@pytest.mark.parametrize("file", RECORDED, ids=lambda file: file.stem)
def test_derivations_are_as_recorded(file: Path) -> None:
    recorded = json.loads(file.read_text())
    results = derived(recorded["stack"])
    if os.environ.get("RECORD"):
        file.write_text(json.dumps({"stack": recorded["stack"], "derived": results}, indent=1) + "\n")
    assert set(results) == set(recorded["derived"])
    for name, result in results.items():
        # Text, not data: 5 and 5.0 are other bytes in a file. Only the Compose file has the order of the keys; the rest is written sorted.
        unordered = name != "compose_project"
        assert json.dumps(result, indent=1, sort_keys=unordered) == json.dumps(recorded["derived"][name], indent=1, sort_keys=unordered), (
            name
        )


def test_something_is_recorded() -> None:
    assert {"demo", "latentum", "everything"} <= {file.stem for file in RECORDED}
