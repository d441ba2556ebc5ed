# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every scalar of the Compose specification, in every spelling, is taken and read as the real CLIs did (recorded/verdicts-*.json).

What one of the CLIs refuses is refused here; what all of them take is taken here, with the same value. tests/tools/compose_verdicts.py
records the verdicts on test hosts.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.compose.model import parse
from ansible_collections.latentum.ops.plugins.module_utils.schema.nodes import Problem

sys.path.insert(0, str(Path(__file__).parents[3] / "tests/tools"))

import compose_verdicts


def unknown_to(recorded: dict[str, Any]) -> set[str]:
    """Keys that a CLI does not know yet: it refuses every value."""
    return {path for path, written in recorded.items() if all(verdict is None for verdict in written.values())}


def printed(recorded: dict[str, Any]) -> set[str]:
    """Keys whose value a CLI prints."""
    return {path for path, written in recorded.items() if any(verdict and verdict[0] is not None for verdict in written.values())}


RECORDED = {file.stem: json.loads(file.read_text()) for file in sorted((Path(__file__).parent / "recorded").glob("verdicts-*.json"))}
UNKNOWN = {version: unknown_to(recorded) for version, recorded in RECORDED.items()}
PRINTED = {version: printed(recorded) for version, recorded in RECORDED.items()}
KEYS = next(iter(RECORDED.values()))

# Left to the CLI on the host: no check looks at them, and nothing is derived from them.
NOT_READ = re.compile(
    r"services\.\*\.(gpus\[\]|deploy\.resources\.reservations\.(devices|generic_resources)\[\]|deploy\.placement\.preferences)"
    r"|networks\.\*\.ipam\.|(secrets|configs)\.\*\.(driver|driver_opts|template_driver|labels)"
)
# Taken by Compose, which then loses a part of it, or fails later; refused here.
LOSSY = {
    "a fraction that is dropped, or a size that is not set": r'"?(\d*\.\d*[1-9]\d*|\.?inf|1e3)"?',
    "a number that does not fit": r'"?9{20}"?',
    "digits with underscores in a string": r'"1_000"',
}
PORTS = re.compile(r"services\.\*\.(expose\[\]|ports\[\]\.(published|target))")  # Compose takes words; the engine does not


def read(path: str, written: str) -> tuple[list[Problem], Any]:
    problems: list[Problem] = []
    compose = parse(compose_verdicts.document(path, written), {}, problems)
    return problems, compose_verdicts.at(compose.resolved, path)


def test_both_clis_are_recorded() -> None:
    assert set(RECORDED) == {"verdicts-2.26.1", "verdicts-2.40.3"}
    assert all(verdicts.keys() == KEYS.keys() for verdicts in RECORDED.values())
    assert len(KEYS) > 250
    assert sum(len(written) for written in KEYS.values()) > 3000


@pytest.mark.parametrize("path", [path for path in KEYS if not NOT_READ.match(path)])
def test_values_are_read_as_the_clis_read_them(path: str) -> None:
    wrong = {}
    for written in KEYS[path]:
        verdicts = {version: recorded[path][written] for version, recorded in RECORDED.items() if path not in UNKNOWN[version]}
        problems, value = read(path, written)
        if not verdicts or None in verdicts.values():
            if not problems and verdicts:
                wrong[written] = f"refused by a CLI, read as {value!r}"
        elif problems:
            if not lossy(path, written):
                wrong[written] = f"refused here ({problems[0].problem}), read as {verdicts} by the CLIs"
        elif not same(value, [verdict[0] for version, verdict in verdicts.items() if path in PRINTED[version]]):
            wrong[written] = f"{value!r}, {verdicts} by the CLIs"
    assert wrong == {}


def lossy(path: str, written: str) -> bool:
    return any(re.fullmatch(pattern, written) for pattern in LOSSY.values()) or bool(PORTS.fullmatch(path))


def same(value: Any, verdicts: list[Any]) -> bool:
    """Whether a value is what the CLIs print; nothing stands for false, 0 and empty, and durations and sizes have their own spelling."""
    for verdict in verdicts:
        if verdict is None:
            equal = not value
        elif isinstance(verdict, str) and isinstance(value, (int, float)) and not isinstance(value, bool):
            equal = not re.fullmatch(r"-?\d+", verdict) or int(verdict, 8 if verdict.startswith("0") else 10) == value
        elif isinstance(verdict, (bool, int, float)):
            equal = type(value) in (bool, int, float, str) and float(value) == float(verdict)
        else:
            equal = True
        if not equal:
            return False
    return True
