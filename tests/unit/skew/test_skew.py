# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two engines on one host: each reads what the other wrote.

recorded/ is the state of a host as the engine of commit c9c0a13 left it (older.py says how it was recorded). The other direction runs
that engine itself, from the repository's history, over files that the present one wrote.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.backup import replacement, state
from ansible_collections.latentum.ops.plugins.module_utils.core import paths
from ansible_collections.latentum.ops.plugins.module_utils.core.versioned_json import NewerState
from ansible_collections.latentum.ops.plugins.module_utils.maintenance import windows
from ansible_collections.latentum.ops.plugins.module_utils.nginx import out_of_rotation, sync, traffic_plan
from ansible_collections.latentum.ops.plugins.module_utils.release.journal import Journal
from ansible_collections.latentum.ops.plugins.module_utils.release.store import Store
from ansible_collections.latentum.ops.plugins.module_utils.rollout import standby
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.days import Days
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.healing import Healer
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.memory import Memory

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
OLDER = "c9c0a13"
FAR = 4102444800.0
WORKER = "registry.example.test:5000/latentum/worker:1.0.0@sha256:5562b4adcce2073ac2be6e2bd96e8dd521597415d8efcc4d809a1533751c5190"
# What both engines make of recorded/.
EXPECTED: dict[str, Any] = {
    "releases": [["good", WORKER]],
    "live": "73a916e02776",
    "traffic": {"api-gateway": {"maintenance": False, "serve": {"a1": 3, "b2": 1}}, "worker": {"maintenance": True, "serve": {}}},
    "warm": {"api-gateway": [["a1"], FAR]},
    "underway": ["try1", "b" * 12, "start", {"worker": ["w1"]}],
    "out": {"a1": "it answers 500"},
    "drained": ["web2"],
    "windows": [["host", "a new disk", FAR]],
    "backup": {"at": 1795841893.0, "ok": True},
    "replacement": [
        "exchanged",
        [{"fresh": "/data.restored", "kept": "/data.replaced", "live": "/data"}],
        ["worker"],
        ["w1"],
    ],
    "incidents": [["latentum/worker", "it died", [[1795841894.0, "started"]]]],
    "days": [f"latentum/{name}" for name in ("api-gateway", "cache", "database", "model-server", "worker")],
}
# Objects whose fields are those of a record; in other files the keys are names of services, containers or days.
RECORDS = (
    "stacks/latentum/live.json",
    "stacks/latentum/releases/73a916e02776/release.json",
    "stacks/latentum/rollout.json",
    "stacks/latentum/traffic.json",
    "backups/latentum.json",
    "backups/latentum.restore.json",
    "watchdog/memory.json",
    "stacks/latentum/warm.json",
    "watchdog/maintenance.json",
)


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The recorded state, as the state of this host."""
    folder = tmp_path / "state"
    shutil.copytree(HERE / "recorded", folder)
    monkeypatch.setattr(paths, "RELEASES", folder / "stacks")
    monkeypatch.setattr(state, "ROOT", folder / "backups")
    monkeypatch.setattr(replacement, "ROOT", folder / "backups")
    monkeypatch.setattr(out_of_rotation, "FOLDER", folder / "run")
    monkeypatch.setattr(windows, "FILE", folder / "watchdog" / "maintenance.json")
    monkeypatch.setattr(sync, "DRAINED", folder / "drained.json")
    return folder


def read(folder: Path) -> dict[str, Any]:
    """What the present engine understands of each, in the words of older.py."""
    underway, kept = Journal("latentum").underway(), replacement.load("latentum")
    assert underway is not None and kept is not None
    return {
        "releases": [[release.state, release.images["worker"]] for release in Store("latentum").all()],
        "live": Store("latentum")._pointer()["live"],
        "traffic": {name: asdict(entry) for name, entry in traffic_plan.load("latentum").items()},
        "warm": {name: [list(warm.ids), warm.until] for name, warm in standby.load("latentum").items()},
        "underway": [underway.attempt, underway.target, underway.step, underway.old],
        "out": out_of_rotation.load("latentum"),
        "drained": sorted(sync.drained()),
        "windows": [[window.scope, window.reason, window.until] for window in windows.load()],
        "backup": state.read("latentum")["backup"],
        "replacement": [kept.phase, [asdict(step) for step in kept.steps], list(kept.stopped), list(kept.running)],
        "incidents": [[incident.key, incident.cause, [list(done) for done in incident.done]] for incident in memory(folder).open],
        "days": sorted(Days(folder / "watchdog" / "days.json").seen),
    }


def memory(folder: Path) -> Memory:
    return Memory(folder / "watchdog" / "memory.json")


def write_again(folder: Path) -> None:
    """Every file anew by the present engine, with the same meaning."""
    store, journal = Store("latentum"), Journal("latentum")
    for release in store.all():
        store.mark(release.id, release.state, "written again")
        store.mark(release.id, release.state)
    live = store._pointer()["live"]
    (folder / "stacks" / "latentum" / "live.json").unlink()
    store.set_live(live)
    entries = traffic_plan.load("latentum")
    traffic_plan.put("latentum", dict.fromkeys(entries))
    traffic_plan.put("latentum", entries)
    for service, warm in standby.load("latentum").items():
        standby.put("latentum", service, None)
        standby.put("latentum", service, warm)
    underway, kept = journal.underway(), replacement.load("latentum")
    assert underway is not None and kept is not None
    journal.keep(underway)
    replacement.save(kept)
    out = out_of_rotation.load("latentum")
    out_of_rotation.put("latentum", {})
    out_of_rotation.put("latentum", out)
    sync.set_drained(sync.drained())
    windows._write(windows.load())
    state.update("latentum", lambda _state: None)
    remembered = memory(folder)
    healer = Healer()
    remembered.restore(healer, 100.0)
    remembered.save(remembered.open, healer, 100.0)
    Days(folder / "watchdog" / "days.json").save()


def further(value: Any) -> Any:
    """A record, or each record of a list or of a dictionary of records, with a field more."""
    if isinstance(value, list):
        return [further(item) for item in value]
    if all(isinstance(item, dict) and ("ids" in item or "serve" in item) for item in value.values()):
        return {name: further(item) for name, item in value.items()}
    return {name: further(item) if name in {"open", "steps"} else item for name, item in value.items()} | {"from_the_future": {"a": 1}}


def test_what_an_engine_without_a_version_left_is_read(host: Path) -> None:
    assert read(host) == EXPECTED


def test_what_is_written_is_read_back(host: Path) -> None:
    before = set(host.rglob("*.json"))
    write_again(host)
    assert read(host) == EXPECTED
    assert set(host.rglob("*.json")) == before


@pytest.mark.parametrize("name", RECORDS)
def test_a_field_more_is_passed_over(host: Path, name: str) -> None:
    path = host / name
    changed = further(json.loads(path.read_text()))
    path.write_text(json.dumps(changed))
    assert "from_the_future" in path.read_text()
    assert read(host) == EXPECTED


@pytest.mark.parametrize("folder", ["backups", "run", "watchdog", "stacks/latentum"])
def test_a_newer_format_is_refused_by_name(host: Path, folder: str) -> None:
    (host / folder / ".format").write_text("99\n")
    with pytest.raises(NewerState, match=rf"{folder} holds state of format 99"):
        write_again(host)


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The engine of that commit, importable as latentum_ops."""
    folder = tmp_path_factory.mktemp("older")
    if subprocess.run(["git", "-C", str(ROOT), "cat-file", "-e", f"{OLDER}^{{commit}}"], capture_output=True, check=False).returncode:
        pytest.skip(f"the history of this checkout does not reach back to {OLDER}")
    packed = subprocess.run(["git", "-C", str(ROOT), "archive", OLDER, "plugins/module_utils"], capture_output=True, check=True).stdout
    subprocess.run(["tar", "--extract", "--directory", str(folder)], input=packed, check=True)
    (folder / "latentum_ops").symlink_to("plugins/module_utils")
    yield folder


def read_by(older: Path, folder: Path) -> Any:
    argv = ["env", f"PYTHONPATH={older}", sys.executable, "-B", str(HERE / "older.py"), "read", str(folder)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_older_engine_reads_what_this_one_writes(host: Path, older: Path) -> None:
    assert read_by(older, host) == EXPECTED, "the recording is not that engine's"
    write_again(host)
    assert read_by(older, host) == EXPECTED


def test_the_older_engine_would_not_read_a_field_more(host: Path, older: Path) -> None:
    """Why no version stands in the files themselves: this test of the test shows that the one above can fail."""
    store = Store("latentum")
    release = store.all()[0]
    path = store.path(release.id) / "release.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 1}))
    with pytest.raises(AssertionError, match="unexpected keyword argument 'format'"):
        read_by(older, host)
