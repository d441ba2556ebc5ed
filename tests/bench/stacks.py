# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What further stacks of a host cost a run that changes nothing: an inventory of one by one of three, by turns on the same host.

`make bench BENCH=stacks` prints a table and writes .artifacts/bench/stacks.json. The host is removed at the end.
"""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import sys
import time
from typing import Any

from site_host import ROOT, SCRATCH, playbook, tool

HOST, NAMES, TURNS = "bench-stacks", ("shop", "blog", "wiki"), 4


def stack(name: str) -> dict[str, Any]:
    """A service of two containers with a route, a secret and a volume."""
    service = {
        "image": "{{ latentum_images.model_server }}",
        "user": "{{ latentum_users.application }}",
        "environment": {"API_KEY_FILE": "/run/secrets/api_key", "MODEL_PATH": "/models", "LOG_LEVEL": "info"},
        "secrets": ["api_key"],
        "volumes": ["models:/models"],
        "healthcheck": {
            "test": "{{ latentum_checks.model_server }}",
            "interval": "2s",
            "timeout": "2s",
            "retries": 5,
            "start_period": "20s",
        },
    }
    return {
        "name": name,
        "contact": "{{ latentum_contact }}",
        "compose": {"services": {"web": service}, "volumes": {"models": {}}},
        "services": {"web": {"replicas": 2, "allow": ["shared_volume"], "update": {"min_healthy": "1s", "observe": "1s"}}},
        "secrets": {"api_key": {"kind": "token"}},
        "routes": [{"domain": f"{name}.{HOST}.example.test", "service": "web", "port": 8081}],
    }


def run(count: int) -> tuple[float, int]:
    """Seconds of a run with the first stacks, and what it changed."""
    started = time.monotonic()
    done = playbook("site", HOST, "-e", json.dumps({"ops_stack": {}, "ops_stacks": [stack(name) for name in NAMES[:count]]}))
    seconds = time.monotonic() - started
    if done.returncode:
        raise SystemExit(f"bench: a run with {count} stacks failed:\n{done.stdout[-4000:]}{done.stderr[-2000:]}")
    return seconds, sum(int(number) for number in re.findall(r"changed=(\d+)", done.stdout.split("PLAY RECAP")[-1]))


def main() -> None:
    """Deploy all of them once, then by turns."""
    tool("services")
    subprocess.run([sys.executable, "tests/images/build.py"], cwd=ROOT, check=True)
    try:
        tool("up", HOST, *(word for name in NAMES for word in ("--alias", f"{name}.{HOST}.example.test")))
        fresh, _changed = run(len(NAMES))
        print(f"fresh, {len(NAMES)} stacks: {fresh:.1f} s", flush=True)
        turns: dict[int, list[float]] = {1: [], len(NAMES): []}
        for _turn in range(TURNS):
            for count, seconds in turns.items():
                took, changed = run(count)
                if changed:
                    raise SystemExit(f"bench: a run with {count} stacks changed {changed} things")
                seconds.append(round(took, 1))
                print(f"no change, {count} stacks: {took:.1f} s", flush=True)
    finally:
        tool("down", HOST)
    single, several = (statistics.median(seconds) for seconds in turns.values())
    measured = {"fresh": round(fresh, 1), "turns": turns, "ratio": round(several / single, 2)}
    SCRATCH.mkdir(parents=True, exist_ok=True)
    (SCRATCH / "stacks.json").write_text(json.dumps(measured, indent=2) + "\n")
    print(f"{len(NAMES)} stacks by one: {measured['ratio']}")


if __name__ == "__main__":
    main()
