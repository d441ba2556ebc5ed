# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Protected environments: what is let through, what is refused with which words, and who may take the protection away."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.base import ContractError
from ansible_collections.latentum.ops.plugins.module_utils.contracts.host_environment import HostEnvironment
from ansible_collections.latentum.ops.plugins.module_utils.maintenance import protection
from ansible_collections.latentum.ops.plugins.module_utils.maintenance.protection import Front, NotConfirmed, keep, load, require_confirmed

PRODUCTION = HostEnvironment("production", protected=True)
STAGING = HostEnvironment("staging")


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "etc" / "environment.json"
    monkeypatch.setattr(protection, "FILE", path)
    return path


@pytest.mark.parametrize(
    ("host", "confirm", "passes"),
    [
        (None, "", True),
        (None, "production", True),  # the first run, before the host knows anything
        (STAGING, "", True),
        (STAGING, "staging", True),
        (STAGING, "production", False),  # the wrong terminal
        (PRODUCTION, "", False),
        (PRODUCTION, "production", True),
        (PRODUCTION, "Production", False),
        (PRODUCTION, "prod", False),
        (PRODUCTION, "yes", False),
    ],
)
def test_what_is_let_through(host: HostEnvironment | None, confirm: str, passes: bool) -> None:
    if host:
        keep(host, "")
    if passes:
        assert require_confirmed("deploy of shop", confirm) == (host or HostEnvironment())
        return
    with pytest.raises(NotConfirmed, match=r"deploy of shop: .*nothing was changed") as refused:
        require_confirmed("deploy of shop", confirm)
    assert host and refused.value.environment == host.environment


@pytest.mark.parametrize(("front", "word"), [(Front.COMMAND, "--confirm production"), (Front.PLAYBOOK, "-e ops_confirm=production")])
@pytest.mark.parametrize("given", ["", "staging"])
def test_the_refusal_says_what_to_write(front: Front, word: str, given: str) -> None:
    keep(PRODUCTION, "")
    with pytest.raises(NotConfirmed, match=word):
        require_confirmed("rollback of shop", given, front)


def test_no_variable_of_the_environment_confirms_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    keep(PRODUCTION, "")
    for name in ("LATENTUM_OPS_WHO", "LATENTUM_OPS_ATTEMPT", "OPS_CONFIRM", "CI", "JOURNAL_STREAM", "INVOCATION_ID"):
        monkeypatch.setenv(name, "production")
    with pytest.raises(NotConfirmed):
        require_confirmed("deploy of shop", "")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "production", '{"protected": true}', '{"environment": 5}', '{"environment": "a", "protected": "no"}']
)
def test_a_damaged_file_lets_nothing_through(file: Path, text: str) -> None:
    file.parent.mkdir()
    file.write_text(text)
    for attempt in (load, lambda: require_confirmed("deploy of shop", "production"), lambda: keep(STAGING, "production")):
        with pytest.raises(ValueError, match=rf"{file} is damaged .*site.yml"):
            attempt()
    assert file.read_text() == text


def test_a_file_of_a_newer_engine_is_read(file: Path) -> None:
    file.parent.mkdir()
    file.write_text(json.dumps({**PRODUCTION.to_dict(), "approvers": ["ada"]}))
    assert load() == PRODUCTION


@pytest.mark.parametrize(
    ("wanted", "confirm", "written"),
    [
        (PRODUCTION, "", True),
        (STAGING, "", False),
        (STAGING, "staging", False),
        (STAGING, "production", True),
        (HostEnvironment("production"), "", False),
        (HostEnvironment("production"), "production", True),
        (HostEnvironment("live", protected=True), "", False),
    ],
)
def test_a_protected_host_changes_only_with_its_own_name(file: Path, wanted: HostEnvironment, confirm: str, written: bool) -> None:
    keep(PRODUCTION, "")
    if written:
        keep(wanted, confirm)
        assert load() == wanted
        return
    for check in (True, False):
        with pytest.raises(NotConfirmed, match=r"is it the right host\? If so, write -e ops_confirm=production"):
            keep(wanted, confirm, check=check)
    assert load() == PRODUCTION


def test_an_inventory_that_says_nothing_changes_nothing(file: Path) -> None:
    assert keep(HostEnvironment(), "") == [] and not file.exists()
    keep(PRODUCTION, "")
    assert keep(HostEnvironment(), "") == [] and load() == PRODUCTION


def test_it_is_written_once_and_not_in_check_mode(file: Path) -> None:
    assert [change.entry.path for change in keep(STAGING, "", check=True) if change.entry.state == "file"] == [file] and not file.exists()
    assert keep(STAGING, "") and json.loads(file.read_text()) == {"environment": "staging", "protected": False}
    assert file.stat().st_mode & 0o777 == 0o644 and keep(STAGING, "") == []
    assert keep(PRODUCTION, "") and load() == PRODUCTION  # protection may always be added


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"environment": "", "protected": True}, "environment: is empty, and protected is true"),
        ({"environment": "Production"}, "is no name of an environment: write lower-case letters"),
        ({"environment": "a b"}, "is no name of an environment"),
        ({"environment": "-x"}, "is no name of an environment"),
        ({"environment": "x" * 64}, "is no name of an environment"),
        ({"environment": True}, "must be a string"),
        ({"enviroment": "x"}, "did you mean environment"),
    ],
)
def test_names_that_are_none_are_refused(raw: dict[str, Any], message: str) -> None:
    with pytest.raises(ContractError, match=message):
        HostEnvironment.from_dict(raw)
