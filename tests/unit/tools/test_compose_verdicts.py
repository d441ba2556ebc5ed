# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The recorder of what Compose CLIs make of values: which keys a schema has, and the document for each."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parents[3] / "tests/tools"))

import compose_verdicts

SCHEMA = {
    "properties": {
        "services": {"patternProperties": {"^[a-z]+$": {"$ref": "#/definitions/service"}}},
        "networks": {"patternProperties": {"^[a-z]+$": {"properties": {"internal": {"type": ["boolean", "string"]}}}}},
    },
    "definitions": {
        "service": {
            "properties": {
                "cpus": {"oneOf": [{"type": "string"}, {"type": "number"}]},
                "mem_limit": {"type": ["number", "string"]},
                "stop_grace_period": {"type": "string"},
                "volumes": {"items": {"oneOf": [{"type": "string"}, {"properties": {"read_only": {"type": "boolean"}}}]}},
            },
            "patternProperties": {"^x-": {}},
        },
    },
}


def test_keys_of_a_schema() -> None:
    assert dict(compose_verdicts.scalars(SCHEMA)) == {
        "services.*.cpus": "number",
        "services.*.mem_limit": "size",
        "services.*.stop_grace_period": "duration",
        "services.*.volumes[]": "string",
        "services.*.volumes[].read_only": "boolean",
        "networks.*.internal": "boolean",
    }


@pytest.mark.parametrize("path", [path for path, _kind in compose_verdicts.scalars(SCHEMA)])
def test_a_document_holds_the_value_at_its_path(path: str) -> None:
    document = yaml.safe_load(compose_verdicts.document(path, "'written'"))
    assert compose_verdicts.at(document, path) == "written"
    assert "a" in document["services"]


def test_spellings_are_plain_quoted_and_interpolated() -> None:
    written = list(compose_verdicts.spellings("services.*.privileged", "boolean"))
    assert {"yes", '"yes"', '"${NOWHERE:-yes}"', '" true"', "~"} <= set(written)
    assert len(written) == len(set(written))
