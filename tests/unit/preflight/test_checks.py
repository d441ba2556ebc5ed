# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All checks together: every finding of every role, and what cannot be looked at stops nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml
from ansible_collections.latentum.ops.plugins.module_utils.preflight import checks
from ansible_collections.latentum.ops.plugins.module_utils.schema.nodes import Problem

from .hosts import ROOT, RecordedHost


def _finds(_host: Any, wanted: checks.Wanted) -> Iterator[Problem]:
    for role in wanted:
        yield Problem(f"{role}_x", "1", "is wrong", "write 2")


def _fail(_role: str) -> Problem:
    raise OSError("no such thing")


def _breaks(_host: Any, wanted: checks.Wanted) -> Iterator[Problem]:
    yield from map(_fail, wanted)


def test_findings_of_all_roles_come_together_and_what_is_unseen_stops_nothing() -> None:
    found = checks.look({"a": {}, "b": {}, "c": {}}, RecordedHost(), {"a": (_breaks, _finds), "b": (_finds,)})
    assert len(found.problems) == 6
    assert found.unseen == ["a: test_checks: no such thing"]
    assert "a_x: is wrong (found 1)\n   -> write 2" in found.report()


def test_checks_of_roles_that_take_no_part_are_not_asked() -> None:
    assert checks.look({"b": {}}, RecordedHost(), {"a": (_finds,)}).problems == []


def test_every_role_with_checks_says_what_it_wants_and_asks_for_them_on_its_own() -> None:
    for role in checks.CHECKS:
        folder = ROOT / "roles" / role
        assert f"__{role}_preflight" in yaml.safe_load((folder / "vars/main.yml").read_text())
        tasks = yaml.safe_load((folder / "tasks/preflight.yml").read_text())
        (own,) = [task for task in tasks if "latentum.ops.preflight" in task]
        assert own["latentum.ops.preflight"] == {"roles": [role]} and own["when"] == "not ops_preflight | default(false)"


def test_site_asks_once_for_all_roles() -> None:
    plays = yaml.safe_load((ROOT / "playbooks/site.yml").read_text())
    (play,) = [play for play in plays if "pre_tasks" in play]
    (own,) = [task for task in play["pre_tasks"] if "latentum.ops.preflight" in task]
    assert set(checks.CHECKS) <= set(play["vars"]["__roles"]) and own["register"] == "ops_preflight"
    assert own["latentum.ops.preflight"]["roles"] == "{{ __roles | difference(ops_roles_skip | default([])) }}"
