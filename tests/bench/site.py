# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long the site playbook takes: a fresh host, and runs that change nothing, with plain SSH and with Mitogen.

`make bench` prints a table and writes .artifacts/bench/site.json. Hosts are throw-away hosts of their own, removed at the end.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import re
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
HOSTS_TOOL = [sys.executable, str(ROOT / "tests/hosts/hosts.py")]
RESULTS = ROOT / ".artifacts/bench/site.json"
SCRATCH = ROOT / ".artifacts/bench/inventory"


@dataclass(frozen=True)
class Run:
    """One run of the playbook: seconds, and what Ansible's recap counted over all hosts."""

    what: str
    hosts: int
    strategy: str
    seconds: float
    tasks: int
    changed: int


def tool(*argv: str) -> str:
    """The test-host tool."""
    return subprocess.run([*HOSTS_TOOL, *argv], check=True, capture_output=True, text=True).stdout


def inventory(names: list[str]) -> Path:
    """An inventory of these hosts with the variables of the demo, each host under a domain of its own."""
    SCRATCH.mkdir(parents=True, exist_ok=True)
    link = SCRATCH / "group_vars"
    link.unlink(missing_ok=True)
    link.symlink_to(ROOT / "inventories/demo/group_vars")
    file = SCRATCH / "hosts.json"
    described = yaml.safe_load(tool("inventory", *names))
    described["all"]["vars"] = {"latentum_domain": "{{ inventory_hostname }}.example.test"}
    file.write_text(json.dumps(described))
    return file


def mitogen_strategies() -> str:
    """Folder of Mitogen's strategy plugins."""
    found = importlib.util.find_spec("ansible_mitogen")
    if found is None or found.origin is None:
        raise SystemExit("bench: mitogen is not installed: run `make toolchain`")
    return str(Path(found.origin).parent / "plugins/strategy")


def play(what: str, names: list[str], strategy: str) -> Run:
    """One timed run; ends the benchmark when the playbook fails."""
    environment = {**os.environ, "ANSIBLE_NOCOLOR": "1", "LATENTUM_OPS_TEST_CA": tool("path", "ca").strip()}
    if strategy == "mitogen":
        environment |= {"ANSIBLE_STRATEGY": "mitogen_linear", "ANSIBLE_STRATEGY_PLUGINS": mitogen_strategies()}
    file = inventory(names)
    started = time.monotonic()
    done = subprocess.run(
        ["ansible-playbook", "playbooks/site.yml", "-i", str(file), "-e", "latentum_domain={{ inventory_hostname }}.example.test"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.monotonic() - started
    if done.returncode != 0:
        raise SystemExit(f"bench: {what} failed:\n{done.stdout[-4000:]}{done.stderr[-2000:]}")
    recap = done.stdout.split("PLAY RECAP")[-1]
    count = {key: sum(int(number) for number in re.findall(rf"{key}=(\d+)", recap)) for key in ("ok", "changed")}
    run = Run(what, len(names), strategy, round(seconds, 1), count["ok"], count["changed"])
    print(
        f"  {run.what:<10} {run.hosts} hosts  {run.strategy:<8} {run.seconds:7.1f} s  {run.tasks:4d} tasks  {run.changed:3d} changed",
        flush=True,
    )
    return run


def main() -> int:
    """Provision, repeat, write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, nargs="+", default=[1, 3, 6], help="numbers of hosts for the runs without a change")
    sizes: list[int] = sorted(parser.parse_args().hosts)
    names = [f"bench-{number}" for number in range(1, sizes[-1] + 1)]
    tool("services")
    subprocess.run([sys.executable, "tests/images/build.py"], cwd=ROOT, check=True)
    runs: list[Run] = []
    try:
        tool("up", *names)
        runs.append(play("fresh", names[:1], "plain"))
        if names[1:]:
            runs.append(play("fresh", names, "plain"))
        for size in sizes:
            for strategy in ("plain", "mitogen"):
                play("warm-up", names[:size], strategy)
                runs.append(play("no change", names[:size], strategy))
    finally:
        tool("down", *names)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps({"cores": os.cpu_count(), "runs": [asdict(run) for run in runs]}, indent=2) + "\n")
    print(f"written to {RESULTS.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
