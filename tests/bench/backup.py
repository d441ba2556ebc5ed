# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a proven backup costs: ours, and PostgreSQL's own programs with the same database on the same host in the same run.

`make bench` prints a table and writes .artifacts/bench/backup.json. The database holds random text, which compresses as hardly as
real data do. Ours ends where the operator may go home: encrypted in an S3 store, or restored, healthy and questioned.
"""

from __future__ import annotations

import argparse
import json
import re
import shlex
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "load"))

import harness
import site_host

ROOT = Path(__file__).resolve().parents[2]
HOST, STACK, TARGETS = "bench-backup", "latentum", "latentum-ops-test-targets"
RESULTS = ROOT / ".artifacts/bench"
DATABASE = f"{STACK}-database-1"
UNIT = f"latentum-ops-backup@{STACK}.service"
COUNT = "SELECT count(*) FROM bulk"
ROW = 1000  # bytes of text in a row
LOAD = {"keepalive": 4, "post": 2, "jobs": 2}
STEADY = 25  # seconds of load without a backup
RAW = "/var/lib/bench-raw"


@dataclass(frozen=True)
class Measured:
    """Seconds; of a command's processes, without the containers that it starts, processor seconds and the memory of the largest (MiB)."""

    what: str
    seconds: float
    cpu: float | None = None
    memory: float | None = None
    bytes: int | None = None
    steps: tuple[tuple[float, str], ...] = ()  # when it said what


def sh(script: str, timeout: float = 3600) -> str:
    """A shell line on the host; its failure is the benchmark's."""
    done = subprocess.run(["docker", "exec", HOST, "sh", "-c", script], capture_output=True, text=True, check=False, timeout=timeout)
    if done.returncode:
        raise SystemExit(f"bench: {script}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout.strip()


def psql(statement: str, database: str = "latentumdb", **values: int) -> str:
    """What a statement gives; `values` stand in it as :name."""
    given = " ".join(f"-v {name}={value}" for name, value in values.items())
    return sh(f"docker exec -i {DATABASE} psql -U latentum -d {database} -qAtX -v ON_ERROR_STOP=1 {given} <<'EOF'\n{statement};\nEOF\n")


def timed(what: str, script: str) -> Measured:
    """A shell line as it is."""
    began = time.monotonic()
    sh(script)
    return shown(Measured(what, round(time.monotonic() - began, 1)))


# systemd counts nothing in a container without controllers; the kernel does, for processes that were waited for.
COUNTING = (
    "import resource, subprocess, sys; rc = subprocess.call(sys.argv[1:]); used = resource.getrusage(resource.RUSAGE_CHILDREN); "
    "print('used', used.ru_utime + used.ru_stime, used.ru_maxrss); sys.exit(rc)"
)


def counted(what: str, command: str) -> Measured:
    """A command as a unit of its own, with the weights of the real one, and what its processes used."""
    unit = f"bench-{int(time.time())}"
    weights = "-p CPUWeight=20 -p IOWeight=20 -p Nice=10 -p UMask=0077"
    began = time.monotonic()
    sh(f"systemd-run --unit {unit} --wait --collect --quiet {weights} python3 -c {shlex.quote(COUNTING)} {command}")
    seconds = round(time.monotonic() - began, 1)
    log = sh(f"journalctl --unit {unit} --no-pager --output cat")
    steps = tuple((float(at), text) for at, text in re.findall(r"^\[ *([\d.]+) s.*?\] (.*)$", log, re.MULTILINE))
    used = re.search(r"^used ([\d.]+) (\d+)$", log, re.MULTILINE)
    cpu, memory = (round(float(used[1]), 1), round(int(used[2]) / 1024)) if used else (None, None)
    return shown(Measured(what, seconds, cpu, memory, steps=steps))


def shown(measured: Measured) -> Measured:
    """Progress for people."""
    extra = "" if measured.cpu is None else f"  cpu {measured.cpu:.1f} s  memory {measured.memory} MiB"
    print(f"  {measured.what:<58} {measured.seconds:7.1f} s{extra}", flush=True)
    return measured


def variables(folder: str) -> dict[str, Any]:
    """The S3 store of the test servers as the only target; no proof by the schedule, each is measured apart."""
    s3 = json.loads(Path(site_host.tool("path", "targets").strip()).read_text())["s3"]
    known = s3["environment"]
    return {
        "latentum_backup_secrets": {
            "s3_access_key": {"kind": "provided", "value": known["AWS_ACCESS_KEY_ID"]},
            "s3_secret_key": {"kind": "provided", "value": known["AWS_SECRET_ACCESS_KEY"]},
        },
        "latentum_backups": {
            "schedule": "*-*-* 02:30",
            "wal_every": "60s",
            "rpo": "2m",
            "rto": "30m",
            "targets": [
                {
                    "name": "offsite",
                    "repository": f"{s3['repository']}/{folder}",
                    "environment": {"AWS_ACCESS_KEY_ID": "s3_access_key", "AWS_SECRET_ACCESS_KEY": "s3_secret_key"},
                    "ca": "{{ test_ca }}",
                }
            ],
            "allow": ["no_escrow"],
            "checks": [{"database": "latentumdb", "query": COUNT, "at_least": 1}],
        },
        "backup_first": False,
    }


def fill(mib: int) -> int:
    """A table of so many MiB of random text, and its index; the size of the database in bytes."""
    rows = mib * 1024 * 1024 // (ROW + 60)
    psql("DROP TABLE IF EXISTS bulk")  # of a run before, where the host was kept
    psql("CREATE TABLE bulk (id bigint PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp(), text text NOT NULL)")
    psql(
        "INSERT INTO bulk (id, text) SELECT n,"
        " (SELECT string_agg(md5(random()::text || n || i), '') FROM generate_series(1, :parts) AS i)"
        " FROM generate_series(1, :rows) AS n",
        rows=rows,
        parts=ROW // 32,
    )
    psql("VACUUM ANALYZE bulk")
    psql("CHECKPOINT")
    return int(psql("SELECT pg_database_size('latentumdb')"))


def raw() -> list[Measured]:
    """PostgreSQL's own programs, each to the disk of the same host; nothing encrypted, nothing sent, nothing proven."""
    sh(f"rm -rf {RAW}; mkdir -p {RAW}")
    inside = f"docker exec {DATABASE}"
    rows = [
        timed("pg_basebackup", f"{inside} pg_basebackup -U latentum -D /tmp/base -X stream -c fast"),
        timed("pg_dump -Fc", f"{inside} pg_dump -U latentum -Fc latentumdb > {RAW}/dump"),
    ]
    psql("CREATE DATABASE back", "postgres")
    rows.append(timed("pg_restore", f"docker exec -i {DATABASE} pg_restore -U latentum -d back < {RAW}/dump"))
    psql("DROP DATABASE back", "postgres")
    sh(f"docker cp --archive {DATABASE}:/tmp/base {RAW}/base")
    image = sh(f"docker inspect --format '{{{{.Config.Image}}}}' {DATABASE}")
    owner = sh(f"docker exec {DATABASE} sh -c 'stat -c %u:%g $PGDATA/PG_VERSION'")
    start = (
        f"cp -a {RAW}/base {RAW}/data && chown -R {owner} {RAW}/data && chmod 700 {RAW}/data"
        f" && docker run --detach --name bench-raw --network none --volume {RAW}/data:/data --user {owner} --entrypoint postgres"
        f" {image} -D /data >/dev/null"
        f" && for n in $(seq 600); do docker exec bench-raw psql -U latentum -d latentumdb -Atc '{COUNT}' 2>/dev/null && exit 0;"
        " sleep 0.2; done; exit 1"
    )
    rows.append(timed("copy of the base, started and asked", start))
    sh(f"docker rm --force --volumes bench-raw; docker exec {DATABASE} rm -rf /tmp/base; rm -rf {RAW}")
    return rows


def settled() -> None:
    """After a restore a backup is begun at once: it is not to run beside what is measured next."""
    while sh(f"systemctl show --property ActiveState --value {UNIT}") in ("activating", "active"):
        time.sleep(1)


def latest() -> dict[str, Any]:
    """What the state file says of the last backup."""
    state: dict[str, Any] = json.loads(sh(f"cat /var/lib/latentum-ops/backups/{STACK}.json"))
    return state["backup"]


def written(measured: Measured) -> Measured:
    """With the bytes that the target had to take."""
    return Measured(**{**asdict(measured), "bytes": int(latest()["added"])})


def ours() -> list[Measured]:
    """Backup, proof, a second backup after one row in a hundred has changed, the latest, and a moment."""
    rows = [written(counted("backup, the first, to S3", "opsctl backup run --no-verify"))]
    rows.append(counted("proof: restored, recovered, read, questioned", "opsctl backup verify"))
    psql("UPDATE bulk SET text = reverse(text) WHERE id % 100 = 0")
    rows.append(written(counted("backup, the second, 1 % of the rows changed", "opsctl backup run --no-verify")))
    before = int(psql(COUNT))
    time.sleep(2)
    moment = time.strftime("%Y-%m-%d %H:%M:%S+00", time.gmtime())
    time.sleep(2)
    psql("DELETE FROM bulk WHERE id % 2 = 0")
    rows.append(counted("restore of the latest, from this host", "opsctl restore database database --yes"))
    left = int(psql(COUNT))
    sh("opsctl restore undo")
    settled()
    rows.append(counted("restore to a moment, from this host", f"opsctl restore database database --to '{moment}' --yes"))
    if not left < before == int(psql(COUNT)):
        raise SystemExit("bench: the restore to a moment did not bring back what was deleted after it")
    sh("opsctl restore confirm")
    settled()
    rows.append(counted("restore of the latest, from S3", "opsctl restore database database --from offsite --yes"))
    sh("opsctl restore confirm")
    settled()
    return rows


def effect(url: str) -> dict[str, Any]:
    """The application's p99 (ms; median of the seconds' p99) without and with the real unit, backup and proof; and what was lost."""
    load = harness.Load(harness.CLIENT_CONTAINER, url, site_host.root_of_pebble(), **LOAD)
    load.start()
    time.sleep(STEADY)
    began = time.time()
    sh(f"systemctl start {UNIT}")
    ended = time.time()
    time.sleep(5)
    result = load.stop()
    seconds = [second for second in result.seconds if second["p99_ms"]]
    steady = [second["p99_ms"] for second in seconds if second["t"] < began - 1]
    busy = [second["p99_ms"] for second in seconds if began <= second["t"] <= ended]
    return {
        "seconds": round(ended - began, 1),
        "requests": result.requests,
        "failed": result.failed,
        "p99_steady_ms": statistics.median(steady),
        "p99_backup_ms": statistics.median(busy),
    }


def within(rows: list[Measured], what: str) -> float:
    return next(measured.seconds for measured in rows if measured.what.startswith(what))


def base(mine: list[Measured]) -> float:
    """Seconds of the base backup alone, in the first backup: from its line to the next one."""
    steps = mine[0].steps
    number = next(index for index, (_at, text) in enumerate(steps) if text.startswith("base backup"))
    return steps[number + 1][0] - steps[number][0]


def ratios(plain: list[Measured], mine: list[Measured]) -> dict[str, float]:
    """Ours by theirs, each of the same run."""
    dump = within(plain, "pg_dump") + within(plain, "pg_restore")
    raw_base, start = within(plain, "pg_basebackup"), within(plain, "copy of the base")
    first, proven = within(mine, "backup, the first"), within(mine, "proof")
    local, moment = within(mine, "restore of the latest, from this host"), within(mine, "restore to a moment")
    return {
        "base backup / pg_basebackup": base(mine) / raw_base,
        "base backup and proof / pg_basebackup and a start on a copy": (base(mine) + proven) / (raw_base + start),
        "backup (base, dump, S3) and proof / pg_basebackup, pg_dump and both restored": (first + proven) / (raw_base + start + dump),
        "second backup / first": within(mine, "backup, the second") / first,
        "restore / pg_restore": local / within(plain, "pg_restore"),
        "restore to a moment / pg_restore": moment / within(plain, "pg_restore"),
    }


def main() -> int:
    """Provision, fill, measure, compare, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=int, default=1024, help="size of the database")
    parser.add_argument("--platform", default="trixie", choices=["forky", "trixie"])
    parser.add_argument("--keep", action="store_true", help="leave the host for a look at it")
    options = parser.parse_args()
    RESULTS.mkdir(parents=True, exist_ok=True)
    folder = f"bench-{int(time.time())}"
    url = site_host.provisioned(HOST, options.platform, "-e", json.dumps(variables(folder)))
    try:
        size = fill(options.mib)
        print(f"a database of {size / 2**20:.0f} MiB", flush=True)
        plain, mine = raw(), ours()
        felt = effect(url)
    finally:
        if not options.keep:
            site_host.tool("down", HOST)
        subprocess.run(["docker", "exec", TARGETS, "rm", "-rf", f"/data/s3/backups/{folder}"], check=False)
    whole = {
        "platform": options.platform,
        "database_bytes": size,
        "plain": [asdict(measured) for measured in plain],
        "ours": [asdict(measured) for measured in mine],
        "ratios": {name: round(value, 2) for name, value in ratios(plain, mine).items()},
        "effect": felt,
    }
    (RESULTS / "backup.json").write_text(json.dumps(whole, indent=1) + "\n")
    for name, ratio in whole["ratios"].items():  # type: ignore[attr-defined]
        print(f"{name:<78} {ratio:6.2f}")
    print(
        f"p99 of the application: {felt['p99_steady_ms']} ms, {felt['p99_backup_ms']} ms during backup and proof ({felt['seconds']} s);"
        f" {felt['failed']} of {felt['requests']} requests lost"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
