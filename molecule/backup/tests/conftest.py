# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backed-up host, a writer that never rests and knows what was acknowledged when, and the servers that keep the backups."""

from __future__ import annotations

import json
import os
import secrets
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
FIRST, SPARE, TARGETS = "keep-1", "keep-2", "latentum-ops-test-targets"
DATABASE = "latentum-database-1"
STATE = "/var/lib/latentum-ops/backups/latentum.json"

# Commits numbered rows, one after another; a line a row, written after the server has acknowledged it.
WRITER = r"""
i=$(psql -U latentum -d latentumdb -Atc 'SELECT coalesce(max(id), 0) FROM rows')
while [ ! -e /tmp/stop ]; do
  i=$((i + 1)); echo "INSERT INTO rows VALUES ($i) RETURNING id;"; sleep 0.05
done |
psql -U latentum -d latentumdb -qAt -v ON_ERROR_STOP=1 2>/dev/null |
while read -r n; do echo "$n $(date +%s.%N)"; done >> /tmp/acknowledged
"""


def execute(argv: list[str], timeout: float = 300, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """A command on the controller; the caller judges its return code."""
    return subprocess.run(argv, capture_output=True, text=True, timeout=timeout, check=False, cwd=ROOT, env={**os.environ, **(env or {})})


def playbook(name: str, host: str, *words: str, timeout: float = 600) -> tuple[int, str]:
    """A playbook of the collection on one host, as people at the controller run it: return code, and all that it said."""
    argv = ["ansible-playbook", "--inventory", os.environ["MOLECULE_INVENTORY_FILE"], f"playbooks/{name}.yml", "--limit", host]
    done = execute([*argv, *words], timeout, {"ANSIBLE_FORCE_COLOR": "0", "ANSIBLE_NOCOLOR": "1"})  # Molecule asks for colours
    return done.returncode, done.stdout + done.stderr


def wait_for(what: str, look: Callable[[], Any], timeout: float) -> Any:
    """What `look` gives as soon as it is true."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        if value := look():
            return value
        time.sleep(0.5)
    raise AssertionError(f"{what}: not within {timeout:g} s")


def between(least: float, most: float) -> float:
    return least + (most - least) * secrets.randbelow(10**6) / 1e6


def stamp(at: float) -> str:
    """As people write a moment, to the microsecond."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(at)) + f".{round(at % 1 * 1e6):06d}+00"


@dataclass(frozen=True)
class Said:
    """What a command on a host said."""

    rc: int
    out: str


class Kept:
    """A host."""

    def __init__(self, name: str) -> None:
        self.name = name

    def run(self, script: str, timeout: float = 300) -> Said:
        done = execute(["docker", "exec", self.name, "sh", "-c", script], timeout)
        return Said(done.returncode, (done.stdout + done.stderr).strip())

    def sh(self, script: str, timeout: float = 300) -> str:
        done = self.run(script, timeout)
        assert done.rc == 0, f"{script}: {done.out}"
        return done.out

    def opsctl(self, words: str, rc: int = 0, timeout: float = 300) -> str:
        done = self.run(f"opsctl {words}", timeout)
        assert done.rc == rc, f"opsctl {words} ended with {done.rc}: {done.out}"
        return done.out

    def incidents(self) -> str:
        """What the watchdog tells, on one line: the table folds what is long."""
        return " ".join(self.opsctl("incidents").split())

    def engine_line(self, code: str) -> str:
        """A shell line that runs Python with the host's engine."""
        return shlex.join(["env", "PYTHONPATH=/usr/lib/latentum-ops", "python3", "-B", "-c", code])

    def engine(self, code: str) -> str:
        """What the host's engine prints."""
        return self.sh(self.engine_line(code))

    def state(self) -> dict[str, Any]:
        read: dict[str, Any] = json.loads(self.sh(f"cat {STATE}"))
        return read

    def sql(self, statement: str, database: str = "latentumdb", **values: str) -> str:
        """What a statement gives; `values` stand in it as :'name'. It comes by standard input: no shell reads it, and psql fills it in."""
        argv = ["docker", "exec", "-i", DATABASE, "psql", "-U", "latentum", "-d", database, "-qAtX", "-v", "ON_ERROR_STOP=1"]
        for name, value in values.items():
            argv += ["-v", f"{name}={value}"]
        script = shlex.join(argv) + " <<'EOF'\n" + statement + ";\nEOF\n"
        return self.sh(script)

    def healthy(self, service: str = "database") -> bool:
        shown = self.run(f"docker inspect --format '{{{{.State.Health.Status}}}}' latentum-{service}-1")
        return shown.out == "healthy"


class Writer:
    """Rows, and when each was acknowledged (epoch seconds of the same clock as the database's)."""

    def __init__(self, host: Kept) -> None:
        self.host = host

    def start(self) -> None:
        self.host.sh(f"docker exec {DATABASE} rm -f /tmp/stop /tmp/acknowledged")
        self.host.sh(f"docker exec -d {DATABASE} sh -c {shlex.quote(WRITER)}")

    def stop(self) -> None:
        self.host.sh(f"docker exec {DATABASE} touch /tmp/stop")
        wait_for("it stops", lambda: self.host.run(f"docker exec {DATABASE} pgrep -f '[p]sql -U latentum -d latentumdb -qAt'").rc != 0, 20)

    def acknowledged(self) -> list[tuple[int, float]]:
        lines = self.host.sh(f"docker exec {DATABASE} cat /tmp/acknowledged").splitlines()
        return [(int(number), float(at)) for number, at in (line.split() for line in lines)]


@pytest.fixture(scope="session")
def host() -> Kept:
    return Kept(FIRST)


@pytest.fixture(scope="session")
def models(host: Kept) -> str:
    """Where the volume of the models is on the host."""
    return host.sh("docker volume inspect --format '{{.Mountpoint}}' latentum_models-data")


@pytest.fixture(scope="session")
def rows(host: Kept, models: str) -> Kept:
    """A table for the writer, files, and targets that no earlier host has written to."""
    if host.run(f"grep -q snapshot {STATE}").rc:
        Servers().sh("rm -rf /data/s3/backups/keep /data/rest/keep /data/sftp/backups/keep")
    wait_for("WAL is received", lambda: host.run("ls /var/lib/barman/latentum.database/streaming/*").rc == 0, 60)
    host.sql("CREATE TABLE IF NOT EXISTS rows (id bigint PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp())")
    host.sql("INSERT INTO rows VALUES (0) ON CONFLICT DO NOTHING")
    host.sh(f"mkdir -p {models}/deep; head -c 2000000 /dev/urandom > {models}/weights.bin; echo small > {models}/deep/file")
    return host


@pytest.fixture
def writer(rows: Kept) -> Iterator[Writer]:
    """Writes during a test."""
    writer = Writer(rows)
    writer.start()
    yield writer
    writer.stop()


class Servers:
    """The targets' servers: each is a process that can be stopped alone."""

    def sh(self, script: str) -> str:
        done = execute(["docker", "exec", TARGETS, "sh", "-c", script])
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    def pause(self, name: str) -> None:
        self.sh(f"kill -STOP $(cat /run/{name}.pid)")

    def go_on(self, name: str) -> None:
        self.sh(f"kill -CONT $(cat /run/{name}.pid)")


@pytest.fixture
def servers() -> Iterator[Servers]:
    servers = Servers()
    yield servers
    for name in ("s3", "rest"):
        servers.go_on(name)
