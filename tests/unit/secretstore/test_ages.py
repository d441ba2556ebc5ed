# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How old secrets are, for whoever may not read them; and who tells it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.core import paths
from ansible_collections.latentum.ops.plugins.module_utils.secretstore import ages
from ansible_collections.latentum.ops.plugins.module_utils.secretstore.store import Store
from ansible_collections.latentum.ops.plugins.module_utils.status import table
from ansible_collections.latentum.ops.plugins.module_utils.watchdog import runbooks, secret_metrics
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.probes import host

DAY = 86400
ENTRIES: list[dict[str, Any]] = [
    {"name": "api_key", "kind": "token", "rotation": {"kind": "overlap", "every": 90.0 * DAY}},
    {"name": "session_key", "kind": "fernet", "rotation": {"kind": "file"}},
    {"name": "plain", "kind": "uuid"},
]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(paths, "RELEASES", tmp_path / "stacks")
    made = Store("shop", tmp_path / "secrets")
    with made.locked():
        made.ensure(ENTRIES)
    return made


def older(store: Store, days: int) -> None:
    """The metadata say that the key was made so long ago, and a run comes."""
    file = store.folder / "metadata.json"
    data = json.loads(file.read_text())
    data["api_key"]["updated"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - days * DAY))
    file.write_text(json.dumps(data))
    with store.locked():
        store.ensure(ENTRIES)


def test_they_hold_names_and_times_alone(store: Store) -> None:
    found = {age.name: age for age in ages.read("shop")}
    assert set(found) == {"api_key", "session_key"} and found["api_key"].every == 90 * DAY and found["api_key"].seconds < 60
    text = ages.path_of("shop").read_text()
    assert not any(str(store.value(name)) in text for name in ("api_key", "session_key", "plain"))
    assert ages.path_of("shop").stat().st_mode & 0o777 == paths.READABLE


def test_a_run_that_changes_nothing_does_not_write_them(store: Store) -> None:
    before = ages.path_of("shop").stat().st_ino
    with store.locked():
        store.ensure(ENTRIES)
    assert ages.path_of("shop").stat().st_ino == before


def test_they_go_with_the_last_rotation(store: Store) -> None:
    with store.locked():
        store.ensure([{"name": "plain", "kind": "uuid"}])
    assert ages.read("shop") == [] and not (store.folder / "entries.json").exists()


@pytest.mark.parametrize(("days", "late"), [(89, False), (91, True)])
def test_who_tells_it(store: Store, days: int, late: bool) -> None:
    older(store, days)
    assert [age.name for age in ages.late("shop")] == (["api_key"] if late else [])
    settings = SimpleNamespace(stacks=[SimpleNamespace(name="shop"), SimpleNamespace(name="other")])
    checks = {check.name: check for check in host.secret_checks(settings)}  # type: ignore[arg-type]
    assert checks["secret shop session_key"].state == "ok"
    check = checks["secret shop api_key"]
    assert (check.state, bool(check.reason)) == (("warning", True) if late else ("ok", False))
    assert runbooks.of("", check.name) == "secret-rotation"
    shown = [{"stack": "shop", "name": "api_key", "kind": "overlap", "age": days * DAY, "every": 90 * DAY, "late": late}]
    assert ("opsctl rotate api_key" in "\n".join(table._secrets(shown))) is late
    families = {family.name: family for family in secret_metrics.families(["shop", "other"])}
    (sample,) = families["latentum_ops_secret_max_age_seconds"].samples
    assert sample.labels == {"stack": "shop", "secret": "api_key"} and sample.value == 90 * DAY


def test_a_damaged_file_is_told_by_its_check_and_stops_no_metric(store: Store) -> None:
    ages.path_of("shop").write_text("{")
    settings = SimpleNamespace(stacks=[SimpleNamespace(name="shop")])
    with pytest.raises(ValueError, match="is damaged"):
        list(host.secret_checks(settings))  # type: ignore[arg-type]
    assert list(secret_metrics.families(["shop"])) == []


def test_nobody_rotates() -> None:
    assert list(secret_metrics.families([])) == []
