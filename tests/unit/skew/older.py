# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine of commit c9c0a13, the last one without a version, writes or reads the state of a host: ``older.py write|read FOLDER``.

Run with a folder on PYTHONPATH in which ``latentum_ops`` is that engine. ``write`` made the files under recorded/ that a quiet host
lacks (a rollout under way, a traffic plan …); the rest there is copied from a host that it provisioned. ``read`` prints what it
makes of files that the present engine wrote.
"""

import json
import sys
from dataclasses import asdict
from pathlib import Path

from latentum_ops import lock, release_journal, releases, rotation, traffic, upstreams, warm
from latentum_ops.backup import replacement, state
from latentum_ops.watchdog import days, maintenance, memory
from latentum_ops.watchdog.healing import Healer
from latentum_ops.watchdog.incidents import Incident

NOW = 1795841893.0  # 2026-11-28
FAR = 4102444800.0  # 2100-01-01


def settle(folder: Path) -> None:
    """All paths of a host below a folder."""
    stacks, backups, run, watchdog = folder / "stacks", folder / "backups", folder / "run", folder / "watchdog"
    for place in (stacks / "latentum", backups, run, watchdog):
        place.mkdir(parents=True, exist_ok=True)
    for module in (releases, release_journal, traffic, warm):
        module.STATE = stacks
    state.ROOT = replacement.ROOT = backups
    rotation.FOLDER = lock.FOLDER = run
    maintenance.FILE = watchdog / "maintenance.json"
    upstreams.DRAINED = folder / "drained.json"


def write(folder: Path) -> None:
    """One of each."""
    traffic.put("latentum", {"api-gateway": traffic.Traffic({"a1": 3, "b2": 1}), "worker": traffic.Traffic({}, True)})
    warm.put("latentum", "api-gateway", warm.Warm(("a1",), FAR))
    journal = release_journal.Journal("latentum")
    journal.keep(
        release_journal.Underway(
            "try1", "deploy", "b" * 12, "73a916e02776", "ops", "2026-11-28T04:40:00+00:00", "start", {"worker": ["w1"]}
        )
    )
    rotation.put("latentum", {"a1": "it answers 500"})
    upstreams.set_drained({"web2"})
    maintenance._write([maintenance.Window("host", "a new disk", "ops", NOW, FAR)])
    state.note("latentum", "backup", at=NOW, ok=True)
    step = replacement.Step("/data", "/data.restored", "/data.replaced")
    replacement.save(replacement.Replacement("latentum", "volume data", NOW, "exchanged", (step,), ("worker",), True, {"x": 1}, ("w1",)))
    remembered = memory.Memory(folder / "watchdog" / "memory.json")
    healer = Healer()
    healer.record("latentum/worker").heals = 2
    incident = Incident("latentum/worker", "latentum", "worker", "critical", "it died", 1795841890.0, NOW, done=[(1795841894.0, "started")])
    remembered.save([incident], healer, 100.0)


def read(folder: Path) -> dict[str, object]:
    """What this engine understands of each."""
    underway = release_journal.Journal("latentum").underway()
    kept = replacement.load("latentum")
    remembered = memory.Memory(folder / "watchdog" / "memory.json")
    return {
        "releases": [[one.state, one.images["worker"]] for one in releases.Store("latentum").all()],
        "live": releases.Store("latentum")._pointer()["live"],
        "traffic": {name: asdict(one) for name, one in traffic.load("latentum").items()},
        "warm": {name: [list(one.ids), one.until] for name, one in warm.load("latentum").items()},
        "underway": underway and [underway.attempt, underway.target, underway.step, underway.old],
        "out": rotation.load("latentum"),
        "drained": sorted(upstreams.drained()),
        "windows": [[one.scope, one.reason, one.until] for one in maintenance.load()],
        "backup": state.read("latentum")["backup"],
        "replacement": kept and [kept.phase, [asdict(one) for one in kept.steps], list(kept.stopped), list(kept.running)],
        "incidents": [[one.key, one.cause, [list(done) for done in one.done]] for one in remembered.open],
        "days": sorted(days.Days(folder / "watchdog" / "days.json").seen),
    }


if __name__ == "__main__":
    settle(Path(sys.argv[2]))
    if sys.argv[1] == "write":
        write(Path(sys.argv[2]))
    else:
        print(json.dumps(read(Path(sys.argv[2])), sort_keys=True))
