# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the site playbook costs: a fresh host, and runs that change nothing, with plain SSH and with Mitogen.

`make bench` prints a table and writes .artifacts/bench/site.json. Hosts are throw-away hosts of their own, removed at the end. With
`--against DIRECTORY`, another checkout with its toolchain, the same is measured there first, on fresh hosts.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import re
import resource
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
    """One run of the playbook.

    :ivar cpu: seconds of processor time on the controller, with all its processes.
    :ivar sent: bytes that the hosts received on their network meanwhile; with a fresh host, its packages and images too.
    :ivar tasks: what Ansible's recap counted over all hosts, skipped ones included.
    :ivar failed: the run did not come to its end.
    """

    checkout: str
    what: str
    hosts: int
    strategy: str
    seconds: float
    cpu: float
    sent: int
    tasks: int
    changed: int
    failed: bool = False


def tool(*argv: str) -> str:
    """The test-host tool."""
    return subprocess.run([*HOSTS_TOOL, *argv], check=True, capture_output=True, text=True).stdout


def received(names: list[str]) -> int:
    """Bytes that these hosts have received on their networks so far."""
    counters = [tool("exec", name, "sh", "-c", "cat /sys/class/net/eth*/statistics/rx_bytes") for name in names]
    return sum(int(number) for counter in counters for number in counter.split())


def inventory(names: list[str], checkout: Path) -> Path:
    """An inventory of these hosts with the variables of the demo, each host under a domain of its own."""
    SCRATCH.mkdir(parents=True, exist_ok=True)
    link = SCRATCH / "group_vars"
    link.unlink(missing_ok=True)
    link.symlink_to(checkout / "inventories/demo/group_vars")
    file = SCRATCH / "hosts.json"
    described = yaml.safe_load(tool("inventory", *names))
    described["all"]["vars"] = {"latentum_domain": "{{ inventory_hostname }}.example.test"}
    file.write_text(json.dumps(described))
    return file


def mitogen_strategies() -> str:
    """Folder of Mitogen's strategy plugins."""
    spec = importlib.util.find_spec("ansible_mitogen")
    if spec is None or spec.origin is None:
        raise SystemExit("bench: mitogen is not installed: run `make toolchain`")
    return str(Path(spec.origin).parent / "plugins/strategy")


def play(what: str, names: list[str], strategy: str, checkout: Path) -> Run:
    """One measured run; one that fails ends the benchmark, unless it is of another checkout."""
    environment = {
        **os.environ,
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_COLLECTIONS_PATH": str(checkout / ".collections"),
        "LATENTUM_OPS_TEST_CA": tool("path", "ca").strip(),
    }
    if strategy == "mitogen":
        environment |= {"ANSIBLE_STRATEGY": "mitogen_linear", "ANSIBLE_STRATEGY_PLUGINS": mitogen_strategies()}
    file = inventory(names, checkout)
    sent, used, started = received(names), resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(
        ["ansible-playbook", "playbooks/site.yml", "-i", str(file), "-e", "latentum_domain={{ inventory_hostname }}.example.test"],
        cwd=checkout,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    seconds, after = time.monotonic() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    failed = done.returncode != 0
    if failed and checkout == ROOT:
        raise SystemExit(f"bench: {what} failed:\n{done.stdout[-4000:]}{done.stderr[-2000:]}")
    recap = done.stdout.split("PLAY RECAP")[-1]
    count = {key: sum(int(number) for number in re.findall(rf"{key}=(\d+)", recap)) for key in ("ok", "skipped", "changed")}
    cpu = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
    run = Run(
        "this" if checkout == ROOT else checkout.name,
        what,
        len(names),
        strategy,
        round(seconds, 1),
        round(cpu, 1),
        received(names) - sent,
        count["ok"] + count["skipped"],
        count["changed"],
        failed,
    )
    print(
        f"  {run.checkout:<8} {run.what:<10} {run.hosts} hosts  {run.strategy:<8} {run.seconds:7.1f} s  {run.cpu:6.1f} s cpu"
        f"  {run.sent / 1e6:7.1f} MB  {run.tasks:4d} tasks  {run.changed:3d} changed{'  FAILED' if failed else ''}",
        flush=True,
    )
    return run


def measure(checkout: Path, sizes: list[int]) -> list[Run]:
    """All runs of one checkout, on fresh hosts."""
    names = [f"bench-{number}" for number in range(1, sizes[-1] + 1)]
    runs: list[Run] = []
    try:
        tool("up", *names)
        runs.append(play("fresh", names[:1], "plain", checkout))
        if names[1:]:
            runs.append(play("fresh", names, "plain", checkout))
        for size in sizes:
            for strategy in ("plain", "mitogen"):
                play("warm-up", names[:size], strategy, checkout)
                runs.append(play("no change", names[:size], strategy, checkout))
    finally:
        tool("down", *names)
    return runs


def main() -> int:
    """Measure, write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, nargs="+", default=[1, 3, 6], help="numbers of hosts for the runs without a change")
    parser.add_argument("--against", type=Path, help="another checkout, measured first")
    options = parser.parse_args()
    tool("services")
    subprocess.run([sys.executable, "tests/images/build.py"], cwd=ROOT, check=True)
    runs = [run for checkout in (options.against, ROOT) if checkout for run in measure(checkout.resolve(), sorted(options.hosts))]
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps({"cores": os.cpu_count(), "runs": [asdict(run) for run in runs]}, indent=2) + "\n")
    print(f"written to {RESULTS.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
