# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SIGKILL at random moments of rollouts under load: traffic stays on healthy containers, and the next run converges.

`tests/bench/kills.py --kills 60` prints a line a kill and writes .artifacts/bench/kills.json. What is killed, in turn: opsctl, the
controller (ansible-playbook and all its children), the reload of nginx, the container engine.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "hosts"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "load"))

import harness
import site_host
from rollout import POLICIES

ROOT = Path(__file__).resolve().parents[2]
STACK, SERVICE = "latentum", "api-gateway"
IMAGE = f"registry.example.test:5000/latentum/{SERVICE}"
VERSIONS = ("1.1.0", "1.3.0", "1.4.0", "1.0.0")
STATE = f"/var/lib/latentum-ops/stacks/{STACK}"
LONGEST = 14.0  # seconds in which a rollout here ends
MIX = {"keepalive": 8, "new": 2, "post": 2, "slow": 2, "jobs": 2}
RATE = 150  # requests a second and class: what is looked for is lost requests, not their number
# Each prints what it hit, nothing when there was nothing to hit.
TARGETS = {
    "opsctl": "pgrep -f 'latentum_ops.[c]li.*deploy' | xargs -r kill -9 -- && echo opsctl",
    # Work that detached itself is a python3 without arguments: its process is named in the first line of its progress.
    "module": (
        f"f=$(ls -t /run/latentum-ops/{STACK}.*.progress.jsonl | head -1);"
        " kill -9 $(sed -n '1s/.*\"pid\": *\\([0-9]*\\).*/\\1/p' $f) && echo module"
    ),
    "reload": "for i in $(seq 400); do p=$(pgrep -f 'nginx-[r]eload') && kill -9 $p && echo reload && exit; sleep 0.02; done",
    "engine": "pkill -9 -x dockerd && echo engine",
}


@dataclass
class Kill:
    """One kill: what, after how many seconds, what it hit, what the next run found, and what the clients lost meanwhile."""

    number: int
    target: str
    after: float
    hit: str
    found: str
    failed: int
    converged: bool
    text: str = ""


def inside(host: str, script: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
    """A shell line on the host; the caller judges its return code."""
    return subprocess.run(["docker", "exec", host, "sh", "-c", script], capture_output=True, text=True, check=False, timeout=timeout)


def begin(host: str, target: str, version: str) -> subprocess.Popen[str]:
    """Start a rollout: from the controller where that, or its module, is to be killed, otherwise on the host."""
    if target in ("controller", "module"):
        argv = ["ansible-playbook", "playbooks/rolling_update.yml", "-i", str(site_host.inventory(host))]
        argv += ["-e", f"latentum_domain={host}.example.test", "-e", json.dumps(images(version)), "-e", json.dumps(POLICIES)]
        environment = {**os.environ, "ANSIBLE_NOCOLOR": "1", "LATENTUM_OPS_TEST_CA": site_host.tool("path", "ca").strip()}
        return subprocess.Popen(
            argv, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
        )
    argv = ["docker", "exec", host, "opsctl", "deploy", "--image", f"{SERVICE}={IMAGE}:{version}"]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)


def images(version: str) -> dict[str, object]:
    """The variable that names the images, with another version of the gateway."""
    registry = "registry.example.test:5000/latentum"
    others = {"model_server": "model-server:1.0.0", "worker": "worker:1.0.0", "database": "postgres:17", "cache": "redis:8"}
    return {"latentum_images": {name: f"{registry}/{image}" for name, image in others.items()} | {"api_gateway": f"{IMAGE}:{version}"}}


def converged(host: str, version: str) -> str:
    """Nothing when the host is as it should be, otherwise what is not."""
    running = inside(
        host, f"docker ps --filter label=com.docker.compose.service={SERVICE} --format '{{{{.Image}}}} {{{{.Status}}}}'"
    ).stdout.splitlines()
    problems = [container for container in running if f":{version}" not in container or "(healthy)" not in container]
    if len(running) != 2 or problems:
        return f"containers: {running}"
    left = inside(
        host, f"ls {STATE}/rollout.json 2>&1 | grep -v 'No such'; grep -c serve {STATE}/traffic.json | grep -v '^0'"
    ).stdout.strip()
    if left:
        return f"left behind: {left}"
    written = inside(host, "grep -c 'server ' /etc/nginx/upstreams.d/*.conf").stdout.strip()
    return "" if written == "2" else f"upstream has {written} servers"


def one(host: str, number: int, target: str, version: str, url: str, randomly: random.Random) -> Kill:
    """Begin, kill, begin again, look."""
    load = harness.Load(harness.CLIENT_CONTAINER, url, site_host.root_of_pebble(), rate=RATE, **MIX)
    load.start()
    after = randomly.uniform(0.2, LONGEST) + (4 if target in ("controller", "module") else 0)
    rollout = begin(host, target, version)
    time.sleep(after if target != "reload" else randomly.uniform(0.2, 8))
    if target == "controller":
        hit = "controller" if rollout.poll() is None else ""
        if hit:
            os.killpg(rollout.pid, signal.SIGKILL)
    else:
        hit = inside(host, TARGETS[target]).stdout.strip()
    try:
        rollout.wait(timeout=300)
    except subprocess.TimeoutExpired:
        os.killpg(rollout.pid, signal.SIGKILL)
        hit += ", and whoever began it never came to an end"
    again = subprocess.run(
        ["docker", "exec", host, "opsctl", "deploy", "--wait", "120", "--force", "--image", f"{SERVICE}={IMAGE}:{version}"],
        capture_output=True, text=True, check=False, timeout=400,
    )  # fmt: skip
    result = load.stop()
    interrupted = next((line.partition("found ")[2] for line in again.stdout.splitlines() if "found an interrupted" in line), "")
    wrong = (again.stdout + again.stderr)[-600:] if again.returncode else converged(host, version)
    shown = "; ".join(f"{name} {count}" for name, count in result.failures.items())
    kill = Kill(number, target, round(after, 1), hit, interrupted, result.failed, not wrong, wrong or shown)
    lost = f"lost {kill.failed} of {result.requests:6d}"
    print(
        f"  {number:3d} {target:<10} after {after:4.1f} s  {hit or 'nothing to hit':<14} {lost}  {interrupted[-60:]} {kill.text}",
        flush=True,
    )
    return kill


def main() -> int:
    """All kills; 1 when a request was lost that must not be, or a host did not converge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--host", default="bench-kills")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="leave the host for the next run")
    options = parser.parse_args()
    url = site_host.provisioned(options.host, "forky", "-e", json.dumps(POLICIES))
    randomly = random.Random(options.seed)  # noqa: S311 - moments, not secrets
    kinds = [*TARGETS, "controller"]
    kills = []
    try:
        for number in range(options.kills):
            kills.append(one(options.host, number + 1, kinds[number % len(kinds)], VERSIONS[number % len(VERSIONS)], url, randomly))
    finally:
        site_host.SCRATCH.mkdir(parents=True, exist_ok=True)
        (site_host.SCRATCH / "kills.json").write_text(
            json.dumps({"seed": options.seed, "kills": [asdict(kill) for kill in kills]}, indent=1) + "\n"
        )
        if not options.keep:
            site_host.tool("down", options.host)
    # While the engine is dead nobody answers containers that ask for each other's addresses: those requests are its own.
    bad = [kill for kill in kills if (kill.failed and kill.target != "engine") or not kill.converged]
    hits = sum(bool(kill.hit) for kill in kills)
    lost, apart = sum(kill.failed for kill in kills), sum(not kill.converged for kill in kills)
    engine = sum(kill.failed for kill in kills if kill.target == "engine")
    print(f"{len(kills)} kills, {hits} hit, {lost} requests lost, {engine} of them while the engine was dead, {apart} did not converge")
    return 1 if bad else 0


if __name__ == "__main__":
    raise SystemExit(main())
