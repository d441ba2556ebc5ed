# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two hosts that releases come to by themselves, the forge that tells them, and what was told back.

Hosts and load are those of scenario rollout.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

_PLACE = Path(__file__).resolve().parents[2] / "rollout/tests/conftest.py"
_SPEC = importlib.util.spec_from_file_location("rollout_hosts", _PLACE)
assert _SPEC and _SPEC.loader
rollout_hosts = importlib.util.module_from_spec(_SPEC)
sys.modules["rollout_hosts"] = rollout_hosts  # where dataclasses look for their types
_SPEC.loader.exec_module(rollout_hosts)

AppHost, eventually, execute, none_lost = (
    rollout_hosts.AppHost,
    rollout_hosts.eventually,
    rollout_hosts.execute,
    rollout_hosts.none_lost,
)
STACK, RECEIVERS = rollout_hosts.STACK, "latentum-ops-test-receivers"
GOOD, BROKEN = rollout_hosts.VERSIONS, "1.2.0-broken"
LONG = 300.0  # seconds for a delivery to end, on a machine that does much else
WORK = "/root/shop"


class Host(AppHost):  # type: ignore[misc, valid-type]  # its module is loaded by its path
    """An application host."""

    def deploys(self) -> list[dict[str, Any]]:
        """All that has come, the newest first."""
        deploys: list[dict[str, Any]] = json.loads(self.opsctl("deploys", "--stack", STACK, "--json").stdout)["deploys"]
        return deploys

    def of(self, commit: str) -> dict[str, Any]:
        """The newest of a commit; empty before it has come."""
        return next((entry for entry in self.deploys() if entry["commit"] == commit), {})

    def ended(self, commit: str, deadline: float = LONG) -> dict[str, Any]:
        """The delivery of a commit, once it has ended."""
        eventually(lambda: bool(self.of(commit).get("ended")), f"{self.name}: the delivery of {commit} ends", deadline)
        return self.of(commit)

    def picture(self) -> str:
        """What must not change by a call that is refused: containers, what nginx serves, the live release, what was delivered."""
        return str(
            self.sh(
                "docker ps --no-trunc --format '{{.ID}} {{.Image}}' | sort; cat /etc/nginx/upstreams.d/* | grep server;"
                f" cat /var/lib/latentum-ops/stacks/{STACK}/live.json; cat /etc/latentum-ops/releases/{STACK}.yml 2>/dev/null || true"
            )
        )


@dataclass
class Forge:
    """The Git server."""

    name: str = "del-forge"

    def sh(self, script: str) -> str:
        done = execute(["docker", "exec", self.name, "sh", "-c", script])
        assert done.returncode == 0, f"{script}: {done.stdout}{done.stderr}"
        return str(done.stdout.strip())

    def push(self, tag: str) -> str:
        """A new commit, and a tag on it, pushed over HTTPS; returns the commit. A tag that is there moves, as tags of tests do."""
        self.sh(
            f"test -d {WORK} || git -c http.sslVerify=false clone --quiet https://forge.example.test:8443/git/acme/shop.git {WORK};"
            f" cd {WORK} && git config http.sslVerify false && git config user.name alice && git config user.email alice@example.test"
            f" && git commit --quiet --allow-empty -m '{tag} {time.time_ns()}' && git tag --force '{tag}'"
            f" && git push --quiet --force origin HEAD:refs/heads/main 'refs/tags/{tag}'"
        )
        return self.sh(f"git -C {WORK} rev-parse HEAD")

    def call(self, host: Host, tag: str, commit: str, *argv: str) -> list[tuple[int, str]]:
        """Status and answer of calls of a pipeline."""
        done = execute(["docker", "exec", self.name, "forge", "call", f"{host.name}.example.test", tag, commit, *argv])
        assert done.returncode == 0, done.stdout + done.stderr
        rows = [row for row in done.stdout.splitlines() if row]
        return [(int(status), answer) for status, answer in zip(rows[::2], rows[1::2], strict=True)]

    def statuses(self, commit: str) -> list[dict[str, Any]]:
        """What was told of a commit, the oldest first."""
        lines = self.sh("cat /var/lib/forge/statuses.jsonl 2>/dev/null || true").splitlines()
        return [status for status in map(json.loads, lines) if status["commit"] == commit]

    def told(self, commit: str, word: str, times: int = 2) -> list[dict[str, Any]]:
        """What was told, once each host has said this word."""
        eventually(
            lambda: sum(status["state"] == word for status in self.statuses(commit)) >= times, f"{times} times {word} of {commit}", LONG
        )
        return self.statuses(commit)


@dataclass
class Chat:
    """What people were told since it was opened."""

    since: float = field(default_factory=time.time)

    def of(self, host: Host) -> list[str]:
        """The first lines of the messages about a host."""
        lines = execute(["docker", "exec", RECEIVERS, "sh", "-c", "cat /received/slack.jsonl 2>/dev/null || true"]).stdout.splitlines()
        messages = [message for message in map(json.loads, lines) if message["time"] >= self.since]
        return [text for message in messages if host.name in (text := str(message["body"].get("text", "")))]


@contextmanager
def under_load(hosts: tuple[Host, Host]) -> Iterator[list[list[Any]]]:
    """Requests to both hosts while the block runs."""
    with ExitStack() as stack:
        yield [stack.enter_context(host.load(keepalive=2, new=1, post=1)) for host in hosts]


@pytest.fixture(scope="session")
def hosts() -> tuple[Host, Host]:
    return Host("del-1"), Host("del-2")


@pytest.fixture(scope="session")
def forge() -> Forge:
    return Forge()


@pytest.fixture
def chat() -> Chat:
    return Chat()
