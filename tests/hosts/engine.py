# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Docker engine that carries the test hosts: used when it answers, started when it does not and we are root."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from cache import alone

LABEL = "latentum.ops.test"
PID_FILE = Path("/var/run/docker.pid")
# Each systemd watches files by about eight inotify instances of root's 128: with a dozen hosts the last ones start with failed units.
INOTIFY, INSTANCES = Path("/proc/sys/fs/inotify/max_user_instances"), 1024


class HostsError(Exception):
    """What went wrong and what to do, in one sentence for the person at the terminal."""


def docker(*argv: str, check: bool = True, text_in: str | None = None, timeout: float = 600) -> subprocess.CompletedProcess[str]:
    """One call of the docker CLI; raises HostsError with its own words."""
    return run(["docker", *argv], check=check, text_in=text_in, timeout=timeout)


def run(argv: Sequence[str], *, check: bool = True, text_in: str | None = None, timeout: float = 600) -> subprocess.CompletedProcess[str]:
    """One command; raises HostsError with its own words unless check is off."""
    done = subprocess.run(list(argv), input=text_in, capture_output=True, text=True, timeout=timeout, check=False)
    if check and done.returncode != 0:
        raise HostsError(f"{' '.join(argv[:4])} … failed ({done.returncode}): {(done.stderr or done.stdout).strip()[-2000:]}")
    return done


def answers() -> bool:
    """True when an engine answers."""
    return docker("version", "--format", "{{.Server.Version}}", check=False, timeout=30).returncode == 0


def ensure(log: Path) -> None:
    """Make sure that an engine answers; a dead engine's pid file is removed first."""
    if shutil.which("docker") is None:
        raise HostsError("no docker command: run `make prerequisites`")
    if not answers():
        with alone("engine"):
            if not answers():
                start(log)
    raise_inotify_limit()


def raise_inotify_limit() -> None:
    """Make room for more than a dozen hosts where we are root on Linux; a lower limit is only trouble for many hosts."""
    if INOTIFY.exists() and int(INOTIFY.read_text()) < INSTANCES and os.access(INOTIFY, os.W_OK):
        print(f"engine: raising {INOTIFY} to {INSTANCES} until the next boot", file=sys.stderr, flush=True)
        INOTIFY.write_text(f"{INSTANCES}\n")


def start(log: Path) -> None:
    """Start one in the background, and wait until it answers."""
    if os.geteuid() != 0 or shutil.which("dockerd") is None:
        raise HostsError("no Docker engine answers, and only root with dockerd installed can start one: start Docker and try again")
    if PID_FILE.exists():
        pid = PID_FILE.read_text().strip()
        if not pid.isdigit() or not Path(f"/proc/{pid}").exists() or "dockerd" not in Path(f"/proc/{pid}/comm").read_text():
            PID_FILE.unlink()
    print(f"engine: starting dockerd (log: {log})", file=sys.stderr, flush=True)
    with log.open("ab") as out:
        process = subprocess.Popen(["dockerd"], stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)
    deadline = time.monotonic() + 60
    while not answers():
        if process.poll() is not None or time.monotonic() > deadline:
            raise HostsError("dockerd did not come up:\n" + "\n".join(log.read_text().splitlines()[-15:]))
        time.sleep(0.5)
