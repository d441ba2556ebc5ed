# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A program in restic's place, so that no restic is needed here: it says what the real ones said when `record.py` wrote it down."""

from __future__ import annotations

import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

from ansible_collections.latentum.ops.plugins.module_utils.backup.restic import Repository
from ansible_collections.latentum.ops.plugins.module_utils.contracts.backup_settings import Target

RECORDED = Path(__file__).parent / "recorded"
VERSIONS = ("0.18", "0.19")

# One run a line of `runs`; what it was asked, with its environment, goes to `asked`. Where the real one had to be ended, this waits
# for that.
PROGRAM = """#!PYTHON -IS
import json, os, re, signal, sys
from pathlib import Path
here = Path(__file__).parent
runs = (here / "runs").read_text().splitlines()
(here / "runs").write_text("".join(line + chr(10) for line in runs[1:]))
run = json.loads(runs[0])
with (here / "asked").open("a") as file:
    file.write(json.dumps({"argv": sys.argv[1:], "env": dict(os.environ), "pid": os.getpid()}) + chr(10))
if run["verb"] not in sys.argv:
    sys.exit("asked for " + " ".join(sys.argv) + ", recorded is " + run["verb"])
if run.get("stubborn"):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
else:
    signal.signal(signal.SIGTERM, lambda *_: (print("".join(after), file=sys.stderr, end=""), os._exit(run["rc"])))
if run.get("ssh"):
    Path(re.search("-E ([^ ]+)", " ".join(sys.argv))[1]).write_text(run["ssh"])
ended = next((at for at, line in enumerate(run["err"]) if "signal terminated" in line), len(run["err"]))
before, after = run["err"][:ended], run["err"][ended:]
for words, stream in ((run["out"], sys.stdout), (before, sys.stderr)):
    stream.write("".join(words))
    stream.flush()
while run.get("waits"):
    signal.pause()
sys.exit(run["rc"])
"""


@cache
def recorded(version: str) -> dict[str, list[dict[str, Any]]]:
    """By scenario, the runs in order."""
    scenarios: dict[str, list[dict[str, Any]]] = json.loads((RECORDED / f"restic-{version}.json").read_text())
    return scenarios


class Replay:
    """restic of one version in a folder of its own, with a target that uses it."""

    def __init__(self, folder: Path, version: str) -> None:
        self.folder, self.version = folder, version
        self.program = folder / "restic"
        self.program.write_text(PROGRAM.replace("PYTHON", sys.executable))
        self.program.chmod(0o755)
        self.secret("key", "the key of the test")

    def secret(self, name: str, value: str) -> str:
        """A secret's file, as role secrets writes it."""
        (self.folder / name).write_text(value + "\n")
        return str(self.folder / name)

    def says(self, *scenarios: str) -> Replay:
        """The next runs are those of these scenarios."""
        return self.runs(*(run for name in scenarios for run in recorded(self.version)[name]))

    def runs(self, *runs: dict[str, Any]) -> Replay:
        """The next runs are these."""
        complete = [{"rc": 0, "out": [], "err": [], **run} for run in runs]
        (self.folder / "runs").write_text("".join(json.dumps(run) + "\n" for run in complete))
        (self.folder / "asked").write_text("")
        return self

    def repository(self, **other: Any) -> Repository:
        """A target; on a folder unless another address is given."""
        target = Target(**{"name": "offsite", "repository": "/srv/record/repository", "key_file": str(self.folder / "key"), **other})
        return Repository(target, program=str(self.program), cache=self.folder / "cache", known_hosts=self.folder / "known_hosts")

    def asked(self) -> list[dict[str, Any]]:
        """What was asked: `argv`, `env` and `pid` of each run."""
        return [json.loads(line) for line in (self.folder / "asked").read_text().splitlines()]

    def ids(self) -> dict[str, str]:
        """Of the recorded snapshots: ``first`` is two days old, ``second`` of the day."""
        found: dict[str, str] = recorded(self.version)["ids"][0]
        return found
