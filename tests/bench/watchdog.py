# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast the watchdog acts, what it costs, and how much it says; beside it, in the same run, a plain healer that polls every 5 s.

`make bench` prints a table and writes .artifacts/bench/watchdog.json. Latencies count from the time that Docker gives its own event of
`unhealthy`: until nginx's file names the container no more, and until Docker's event of the signal by which a restart begins.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import site_host

HOST, STACK, COUNT = "bench-watchdog", "fifty", 50
RECEIVERS = "latentum-ops-test-receivers"
IMAGE = "registry.example.test:5000/latentum/api-gateway:1.0.0"
UPSTREAM = f"/etc/nginx/upstreams.d/{STACK}_web.conf"
FOLDER = f"/opt/{STACK}"
HOOK = f"/etc/latentum-ops/secrets/{STACK}/hook"  # where the daemon may read: it sees no home directory
# What a popular healer does: ask for unhealthy containers every 5 seconds, and restart them.
HEALER = "while :; do for one in $(docker ps --quiet --filter health=unhealthy); do docker restart $one; done; sleep 5; done"


def sh(script: str, *, check: bool = True) -> str:
    """A shell line on the host."""
    done = subprocess.run(["docker", "exec", HOST, "sh", "-c", script], capture_output=True, text=True, check=False)
    if check and done.returncode:
        sys.exit(f"{script}: {done.stdout}{done.stderr}")
    return done.stdout.strip()


def put(path: str, content: str) -> None:
    """A file on the host."""
    subprocess.run(
        ["docker", "exec", "-i", HOST, "sh", "-c", f"mkdir -p {Path(path).parent} && cat > {path}"], input=content, text=True, check=True
    )


def fifty() -> None:
    """Fifty containers that are checked by Docker and probed by the watchdog; two of them serve behind nginx."""
    check = {"test": ["CMD-SHELL", "test ! -e /dev/shm/bad"], "timeout": "2s", "retries": 1}
    web = {"image": IMAGE, "init": True, "entrypoint": ["python3", "-m", "http.server", "--directory", "/tmp", "8000"], "restart": "always"}
    services = {"web": web | {"healthcheck": check | {"interval": "1s"}, "deploy": {"replicas": 2}}}
    services |= {f"s{number}": web | {"healthcheck": check | {"interval": "10s"}} for number in range(1, COUNT - 1)}
    put(f"{FOLDER}/compose.yaml", json.dumps({"name": STACK, "services": services}))
    sh(f"docker compose --project-directory {FOLDER} up --detach --quiet-pull")
    probe = {"kind": "http", "name": "http /", "port": 8000, "path": "/", "status": 200, "timeout": 5, "interval": 15}
    watched = [{"service": name, "replicas": 2 if name == "web" else 1, "max_heals": 1000, "probes": [probe]} for name in services]
    chat = {"name": "chat", "kind": "slack", "severities": ["critical", "warning"], "burst": 10, "per": 600, "url_file": HOOK}
    put(HOOK, "https://receivers.example.test:8443/slack/T000/B000/hook-of-the-bench")
    put(f"/etc/latentum-ops/watchdog/{STACK}.json", json.dumps({"stack": STACK, "recover": 2, "services": watched, "alerts": [chat]}))
    put(
        f"/etc/latentum-ops/upstreams/{STACK}.json",
        json.dumps([{"name": f"{STACK}_web", "project": STACK, "service": "web", "port": 8000}]),
    )
    sh("systemctl restart latentum-ops-watchdog")


def settled(*, told: bool = False) -> None:
    """Every container is healthy and nothing is wrong for the watchdog, if it runs.

    :param told: nobody has to be told any more of what was wrong, either.
    """
    end = time.monotonic() + 300
    while time.monotonic() < end:
        healthy = sh(f"docker ps --filter label=com.docker.compose.project={STACK} --filter health=healthy --quiet | wc -l")
        served = sh(f"grep -c '^ *server ' {UPSTREAM}")
        idle = sh("systemctl is-active latentum-ops-watchdog", check=False) != "active" or not (waiting() if told else incidents())
        if (int(healthy), int(served)) == (COUNT, 2) and idle:
            return
        time.sleep(0.5)
    sys.exit("the containers do not become healthy, or the watchdog does not come to rest")


def waiting() -> int:
    """How many incidents are open, and how many messages wait."""
    status = json.loads(sh("cat /run/latentum-ops-watchdog/status.json"))
    return len(status["incidents"]) + int(status["alerts"].get("waiting") or 0)


def incidents() -> list[dict[str, Any]]:
    """Those that are open."""
    opened: list[dict[str, Any]] = json.loads(sh("cat /run/latentum-ops-watchdog/status.json"))["incidents"]
    return opened


def trial(unit: str = "") -> tuple[float | None, float]:
    """One container becomes unhealthy: seconds until it is out of nginx's file (None: it stayed), and until its restart begins.

    :param unit: begun anew before, so that the third time is not taken for flapping.
    """
    if unit:
        sh(f"systemctl restart {unit}")
    settled()
    name = f"{STACK}-web-1"
    address = sh(f"docker inspect --format '{{{{range .NetworkSettings.Networks}}}}{{{{.IPAddress}}}}{{{{end}}}}' {name}")
    since = float(sh("date +%s.%N"))
    sh(f"docker exec {name} touch /dev/shm/bad")
    end, out = time.monotonic() + 30, None
    while time.monotonic() < end:
        if out is None and address not in sh(f"cat {UPSTREAM}"):
            out = float(sh(f"stat -c %.9Y {UPSTREAM}"))
        events = sh(f"docker events --since {since} --until $(date +%s.%N) --filter container={name} --format '{{{{json .}}}}'")
        seen = [json.loads(line) for line in events.splitlines()]
        unhealthy = [event["timeNano"] / 1e9 for event in seen if event["Action"] == "health_status: unhealthy"]
        killed = [event["timeNano"] / 1e9 for event in seen if event["Action"] == "kill"]
        if unhealthy and killed:
            return (out - unhealthy[0] if out else None), killed[0] - unhealthy[0]
        time.sleep(0.1)
    sys.exit("nobody restarted the container within 30 s")


@dataclass(frozen=True)
class Usage:
    """CPU seconds of a process and of its children that have ended, and its memory (RSS) in bytes."""

    own: float
    children: float
    rss: int


def usage(pid: str) -> Usage:
    """What a process has used so far (proc_pid_stat(5): utime, stime, cutime, cstime)."""
    fields = sh(f"cat /proc/{pid}/stat").rpartition(")")[2].split()
    utime, stime, cutime, cstime = (int(fields[index]) for index in (11, 12, 13, 14))
    rss = int(sh(f"sed -n 's/^VmRSS:\\s*\\([0-9]*\\) kB/\\1/p' /proc/{pid}/status")) * 1024
    second = int(sh("getconf CLK_TCK"))
    return Usage((utime + stime) / second, (cutime + cstime) / second, rss)


def cost(pid: str, seconds: float) -> dict[str, float]:
    """Percent of a core, with the part of it that ended children had, and peak memory (MB) over this time."""
    began, before = time.monotonic(), usage(pid)
    peak = before.rss
    while time.monotonic() - began < seconds:
        time.sleep(min(10.0, seconds))
        peak = max(peak, usage(pid).rss)
    after, took = usage(pid), time.monotonic() - began
    children = after.children - before.children
    return {
        "seconds": round(seconds),
        "cpu_percent": round(100 * (after.own - before.own + children) / took, 2),
        "children_percent": round(100 * children / took, 2),
        "rss_mb": round(peak / 1e6, 1),
    }


def messages() -> int:
    """How many the receiver has got from this benchmark so far."""
    argv = ["docker", "exec", RECEIVERS, "grep", "-c", "hook-of-the-bench", "/received/slack.jsonl"]
    return int(subprocess.run(argv, capture_output=True, text=True, check=False).stdout or 0)


def storm(events: int) -> dict[str, int]:
    """Containers killed again and again: how many messages somebody gets who wants at most ten in ten minutes."""
    settled()
    before = messages()
    status = json.loads(sh("cat /run/latentum-ops-watchdog/status.json"))
    names = " ".join(f"{STACK}-s{number}-1" for number in range(1, COUNT - 1))
    # A process that ends by itself is started again by Docker: two events each time.
    for _round in range(max(1, events // (2 * (COUNT - 2)))):
        sh(f"for one in {names}; do kill -KILL $(docker inspect --format '{{{{.State.Pid}}}}' $one) & done; wait", check=False)
        time.sleep(2)
    end = time.monotonic() + 240
    while incidents() and time.monotonic() < end:
        time.sleep(2)
    time.sleep(5)
    seen = json.loads(sh("cat /run/latentum-ops-watchdog/status.json"))
    return {
        "events": seen["loop"]["events"] - status["loop"]["events"],
        "incidents": len([incident for incident in seen["history"] if incident["opened"] > status["at"]]),
        "messages": messages() - before,
    }


def spread(values: list[float]) -> dict[str, float]:
    """Median and largest, in seconds."""
    return {"median": round(statistics.median(values), 3), "max": round(max(values), 3), "count": len(values)}


def main() -> int:
    """Measure both, print the table, write the JSON."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--trials", type=int, default=12)
    options.add_argument("--minutes", type=float, default=10)
    options.add_argument("--events", type=int, default=1000)
    options.add_argument("--keep", action="store_true", help="leave the host")
    given = options.parse_args()
    site_host.provisioned(HOST, "forky")
    try:
        fifty()
        settled()
        ours = [trial("latentum-ops-watchdog") for _trial in range(given.trials)]
        settled(told=True)
        price = cost(sh("systemctl show --property MainPID --value latentum-ops-watchdog"), 60 * given.minutes)
        flood = storm(given.events)
        sh("systemctl stop latentum-ops-watchdog && systemctl start latentum-ops-upstreams")
        pid = sh(f"nohup sh -c '{HEALER}' >/dev/null 2>&1 & echo $!")
        theirs = [trial() for _trial in range(given.trials)]
        settled()
        other = cost(pid, 60 * given.minutes / 5)
        sh(f"kill {pid}")
    finally:
        if not given.keep:
            site_host.tool("down", HOST)
    results = {
        "containers": COUNT,
        "watchdog": {
            "out_of_rotation": spread([out for out, _begun in ours if out is not None]),
            "restart_begun": spread([begun for _out, begun in ours]),
            **price,
            "storm": flood,
        },
        # Somebody else takes a container out of rotation for it: here the same follower of events.
        "polling_healer": {"restart_begun": spread([begun for _out, begun in theirs]), **other},
    }
    site_host.SCRATCH.mkdir(parents=True, exist_ok=True)
    (site_host.SCRATCH / "watchdog.json").write_text(json.dumps(results, indent=2) + "\n")
    a, b = results["watchdog"], results["polling_healer"]
    print(f"{'':34}{'watchdog':>20}{'polling healer':>20}")
    for name, key in (("event to out of rotation, s", "out_of_rotation"), ("event to restart begun, s", "restart_begun")):
        shown = [f"{side[key]['median']} (max {side[key]['max']})" if key in side else "never" for side in (a, b)]
        print(f"{name:34}{shown[0]:>20}{shown[1]:>20}")
    print(f"{'CPU, % of a core':34}{a['cpu_percent']:>20}{b['cpu_percent']:>20}")
    print(f"{'memory, MB':34}{a['rss_mb']:>20}{b['rss_mb']:>20}")
    print(f"storm: {flood['events']} events, {flood['incidents']} incidents, {flood['messages']} messages")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
