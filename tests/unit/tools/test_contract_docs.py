# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of modules and fragments are those of the contracts that they take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import contract_docs
import pytest
import yaml
from ansible_collections.latentum.ops.plugins.doc_fragments.expectations import ModuleDocFragment
from ansible_collections.latentum.ops.plugins.module_utils.contracts.argspec import argspec
from ansible_collections.latentum.ops.plugins.module_utils.contracts.base import Contract
from ansible_collections.latentum.ops.plugins.module_utils.contracts.health import Expectation
from ansible_collections.latentum.ops.plugins.module_utils.contracts.rollout_policy import Policy
from ansible_collections.latentum.ops.plugins.module_utils.contracts.upstreams import Upstream
from ansible_collections.latentum.ops.plugins.modules import compose_rollout, upstreams

FILES = sorted([*contract_docs.ROOT.glob("plugins/modules/*.py"), *contract_docs.ROOT.glob("plugins/doc_fragments/*.py")])


def specified(documented: dict[str, Any]) -> dict[str, Any]:
    """Documented options as an argument spec has them."""
    spec = {}
    for name, option in documented.items():
        spec[name] = {key: value for key, value in option.items() if key not in ("description", "suboptions")}
        if "suboptions" in option:
            spec[name]["options"] = specified(option["suboptions"])
    return spec


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_what_is_written_is_what_the_contracts_say(file: Path) -> None:
    assert contract_docs.written(file.read_text()) == file.read_text(), "run `make docs`"


@pytest.mark.parametrize(
    ("documentation", "option", "contract"),
    [
        (compose_rollout.DOCUMENTATION, "policies", Policy),
        (upstreams.DOCUMENTATION, "upstreams", Upstream),
        (ModuleDocFragment.SERVICES, "services", Expectation),
    ],
)
def test_documentation_and_argument_spec_agree(documentation: str, option: str, contract: type[Contract]) -> None:
    assert specified(yaml.safe_load(documentation)["options"][option]["suboptions"]) == argspec(contract)


def test_what_stood_between_the_markers_is_made_anew() -> None:
    source = "a:\n  # BEGIN OPTIONS canary.Query\n  old: text\n  # END OPTIONS\nb: 1\n"
    new = contract_docs.written(source)
    assert new.startswith("a:\n  # BEGIN OPTIONS canary.Query\n  url:\n    description: Address") and new.endswith(
        "  # END OPTIONS\nb: 1\n"
    )
    assert "old" not in new and contract_docs.written(new) == new


def test_a_long_description_is_wrapped_and_reads_as_one_line() -> None:
    text = "word " * 60
    lines = list(contract_docs.description(text, "    "))
    assert len(lines) > 1 and max(map(len, lines)) <= contract_docs.WIDTH
    assert yaml.safe_load("\n".join(lines)) == {"description": text.strip()}


def test_a_description_that_yaml_would_misread_is_refused() -> None:
    with pytest.raises(ValueError, match="without quotes"):
        contract_docs.plain_scalar("choices: none")
