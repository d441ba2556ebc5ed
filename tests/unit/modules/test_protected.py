# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules that deploy or destroy, called by a play of somebody's own: a protected host wants its name, and nothing else opens it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.host_environment import HostEnvironment
from ansible_collections.latentum.ops.plugins.module_utils.core.locks import stack_lock
from ansible_collections.latentum.ops.plugins.module_utils.maintenance import protection
from ansible_collections.latentum.ops.plugins.module_utils.rollout.argspec import ARGUMENTS
from ansible_collections.latentum.ops.plugins.modules import compose_rollout, restore

from ..cli import host

ROLLOUT = {name: option.get("default") for name, option in ARGUMENTS.items()} | {"stack": "shop", "compose": {"services": {"web": {}}}}
RESTORE: dict[str, Any] = {
    "stack": "shop", "state": "restored", "kind": "everything", "name": "", "paths": [], "table": "", "into": "", "to": "", "source": "",
    "snapshot": "", "confirmed": True, "confirm": "", "attempt": "a",
}  # fmt: skip
CASES = [
    (compose_rollout, ROLLOUT | {"state": "deployed"}, "deploy of shop"),
    (compose_rollout, ROLLOUT | {"state": "rolled_back"}, "rollback of shop"),
    (compose_rollout, ROLLOUT | {"state": "scaled", "replicas": {"web": 2}}, "scale of shop"),
    (restore, RESTORE, "restore of shop"),
    (restore, RESTORE | {"kind": "database", "name": "shop"}, "restore of shop"),
    (restore, RESTORE | {"state": "undone"}, "restore of shop"),
    (restore, RESTORE | {"state": "confirmed"}, "restore of shop"),
]
NAMES = ["deploy", "rollback", "scale", "restore", "restore database", "restore undo", "restore confirm"]


@pytest.fixture(autouse=True)
def busy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A protected host on which somebody works on the stack: what gets through the question ends at the lock, or at what is not there."""
    host.point_to(tmp_path, monkeypatch.setattr)
    protection.keep(HostEnvironment("production", protected=True), "")
    with stack_lock("shop", "ada", 0, what="deploys"):
        yield


def refusal(module: Any, given: dict[str, Any], *, check: bool = False) -> str:
    result = module.carry_out(given, check=check)
    return str(result["msg"]) if result.get("failed") else ""


@pytest.mark.parametrize(("module", "given", "what"), CASES, ids=NAMES)
def test_a_protected_host_wants_its_name(module: Any, given: dict[str, Any], what: str) -> None:
    assert f"{what}: this host belongs to the protected environment production" in refusal(module, given)
    # Words that are true somewhere else, and the name of the other environment.
    for word in ("yes", "true", "True", "1", "Production", "production ", "staging"):
        assert f"confirmed for {word!r}, and this host belongs to production" in refusal(module, given | {"confirm": word}), word
    assert "production" not in refusal(module, given | {"confirm": "production"})


@pytest.mark.parametrize(("module", "given", "_what"), CASES[1:], ids=NAMES[1:])
def test_check_mode_needs_no_name(module: Any, given: dict[str, Any], _what: str) -> None:
    assert "production" not in refusal(module, given, check=True)


@pytest.mark.parametrize(
    "given", [{"confirmed": False}, {"kind": "files", "paths": ["/srv"]}, {"kind": "dump", "name": "shop"}, {"state": "resumed"}], ids=str
)
def test_a_plan_a_copy_beside_and_the_end_of_a_restore_need_none(given: dict[str, Any]) -> None:
    assert "production" not in refusal(restore, RESTORE | given)


def test_the_name_of_another_environment_is_refused_where_nothing_is_protected() -> None:
    protection.keep(HostEnvironment("staging"), "production")
    assert "and this host belongs to staging" in refusal(compose_rollout, ROLLOUT | {"state": "rolled_back", "confirm": "production"})
    assert "staging" not in refusal(compose_rollout, ROLLOUT | {"state": "rolled_back"})


def test_a_damaged_file_lets_nothing_through() -> None:
    protection.FILE.write_text("{")
    for module, given, _what in CASES:
        assert "is damaged" in refusal(module, given | {"confirm": "production"})
