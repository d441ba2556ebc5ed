# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A release that fails on the demo's host, while clients ask: it takes itself back, and nobody notices."""

from __future__ import annotations

import http.client
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import demo
from demo import DemoError
from engine import HostsError

BROKEN = "registry.example.test:5000/latentum/api-gateway:1.2.0-broken"
PAUSE = 0.05  # seconds between two requests
SSH = ["ssh", "-F", ".demo/ssh_config", demo.NAME]
# Forced, so that it can be watched twice: the second time it would be refused, because it failed before.
DEPLOY = ["sudo", "opsctl", "deploy", "--force", "--image", f"api-gateway={BROKEN}"]


class Clients:
    """One client that asks all the time, each request over a connection of its own."""

    def __init__(self, authority: Path) -> None:
        self.authority = authority
        self.versions: Counter[str] = Counter()
        self.lost: list[str] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)

    def __enter__(self) -> Clients:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._thread.join()

    def _ask(self) -> None:
        while not self._over.wait(PAUSE):
            try:
                _protocol, body = demo.ask(self.authority)
                self.versions[str(body.get("version"))] += 1
            except (OSError, http.client.HTTPException, ValueError, DemoError) as error:
                self.lost.append(str(error))

    def describe(self) -> str:
        answered = ", ".join(f"{count} by version {version}" for version, count in sorted(self.versions.items()))
        return f"{self.versions.total() + len(self.lost)} requests meanwhile: {answered or 'none answered'}, {len(self.lost)} lost"


def remote(command: list[str]) -> int:
    """A command on the host, shown as one would type it, with its output as it comes."""
    print(f"\n      $ {' '.join([*SSH, *command])}", flush=True)
    with subprocess.Popen([*SSH, *command], cwd=demo.ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(f"      {line}", end="", flush=True)
    return process.returncode


def judge(clients: Clients, before: str, after: str, returned: int) -> None:
    """The promise: the release was taken back, and clients never saw it.

    :raises DemoError: it was broken.
    """
    if returned == 0:
        raise DemoError(f"{BROKEN} went live, although none of its containers becomes healthy")
    if after != before or set(clients.versions) != {before}:
        raise DemoError(f"version {before} answered before, {after} answers now: look with `{' '.join(SSH)} sudo opsctl releases`")
    if clients.lost:
        raise DemoError(f"{len(clients.lost)} requests were lost, the first: {clients.lost[0]}")


def main() -> int:
    """1 with a sentence when a promise was broken, or there is no demo."""
    try:
        authority = demo.STATE / "ca.pem"
        if not authority.exists():
            raise DemoError("there is no demo: run `make demo` first")
        before = demo.verified_answer(10).body["version"]
        print(f"Version {before} answers. Now a new image of it, whose containers start and never become healthy:")
        started = time.monotonic()
        with Clients(authority) as clients:
            returned = remote(DEPLOY)
            after = demo.verified_answer(10).body["version"]
        remote(["sudo", "opsctl", "releases"])
        print(f"\n{clients.describe()} ({time.monotonic() - started:.0f} s).")
        judge(clients, str(before), str(after), returned)
        print("The release has taken itself back. Each step of it: opsctl history.")
    except (DemoError, HostsError) as error:
        print(f"\ndemo: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
