# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A watched host, the receivers that it tells, and the story of each incident as they heard it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
HOST, RECEIVERS = "dog-1", "latentum-ops-test-receivers"
URL = f"https://{HOST}.example.test"
STATUS = "/run/latentum-ops-watchdog/status.json"
WHAT = {"CRITICAL": "open", "WARNING": "open", "ENDED": "end", "NEEDS": "human", "WORSE": "worse", "STILL": "reminder", "TEST": "test"}

sys.path.insert(0, str(ROOT / "tests/load"))
sys.path.insert(0, str(ROOT / "tests/browser"))


def execute(argv: list[str], timeout: float = 300, **kwargs: Any) -> subprocess.CompletedProcess[str]:
    """A command on the controller; the caller judges its return code."""
    return subprocess.run(argv, capture_output=True, text=True, timeout=timeout, check=False, cwd=ROOT, **kwargs)


def hosts_tool(*argv: str) -> str:
    """The test-host tool; its failure is the test's."""
    done = execute([sys.executable, "tests/hosts/hosts.py", *argv])
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def wait_for(what: str, look: Callable[[], Any], timeout: float) -> Any:
    """What `look` gives as soon as it is true."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(0.2)
    raise AssertionError(f"{what}: not within {timeout:g} s")


class Watched:
    """The host."""

    def sh(self, script: str, *, check: bool = True) -> str:
        """A shell line as root; what it printed."""
        done = execute(["docker", "exec", HOST, "sh", "-c", script])
        assert not check or done.returncode == 0, f"{script}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def status(self) -> dict[str, Any]:
        """What the watchdog publishes."""
        read: dict[str, Any] = json.loads(self.sh(f"cat {STATUS}"))
        return read

    def service(self, key: str) -> dict[str, Any]:
        """One service of the status."""
        stack, _slash, name = key.partition("/")
        services = next(one["services"] for one in self.status()["stacks"] if one["name"] == stack)
        found: dict[str, Any] = next(one for one in services if one["service"] == name)
        return found

    def servers(self, upstream: str = "latentum_api-gateway_8080") -> list[str]:
        """What nginx's file of an upstream names."""
        return re.findall(r"^\s*server (\S+)", self.sh(f"cat /etc/nginx/upstreams.d/{upstream}.conf"), re.MULTILINE)

    @property
    def gateway(self) -> str:
        """The first container of the gateway; a deployment gives them other numbers."""
        label = "--filter label=com.docker.compose.service=api-gateway"
        return sorted(self.sh(f"docker ps --all {label} --format '{{{{.Names}}}}'").splitlines())[0]

    def address(self, container: str) -> str:
        """The first address of a container by the name of its network, as the engine chooses it."""
        networks = json.loads(self.sh(f"docker inspect --format '{{{{json .NetworkSettings.Networks}}}}' {container}"))
        return next((str(networks[name]["IPAddress"]) for name in sorted(networks)), "")

    def started(self, container: str) -> str:
        return self.sh(f"docker inspect --format '{{{{.State.StartedAt}}}}' {container}")

    def hang(self, container: str) -> None:
        """Stop every process of a container; that of a health check may be gone already."""
        self.sh(f"kill -STOP $(docker top {container} -eo pid | tail -n +2)", check=False)

    def journal(self, since: float) -> str:
        return self.sh(f"journalctl -u latentum-ops-watchdog --no-pager -o short-unix --since @{int(since)}")


@dataclass(frozen=True)
class Line:
    """One message as somebody received it."""

    at: float
    route: str
    what: str
    key: str
    text: str


@dataclass
class Inbox:
    """What the receivers got since it was made."""

    since: float = field(default_factory=time.time)

    def raw(self, kind: str) -> list[dict[str, Any]]:
        """The messages of one kind, none of which may be against the published format."""
        lines = execute(["docker", "exec", RECEIVERS, "sh", "-c", f"cat /received/{kind}.jsonl 2>/dev/null || true"]).stdout.splitlines()
        found = [one for one in map(json.loads, lines) if one["time"] >= self.since]
        assert all(not one["problems"] for one in found), [one["problems"] for one in found]
        return found

    def chat(self) -> list[Line]:
        lines = []
        for one in self.raw("slack"):
            text = json.dumps(one["body"])
            found = re.search(r"Incident ([^@\"]+)@", text)
            lines.append(Line(one["time"], "chat", WHAT[one["body"]["text"].split()[0]], found[1] if found else "", text))
        return lines

    def mail(self) -> list[Line]:
        lines = []
        for one in self.raw("mail"):
            found = re.search(r"Incident ([^@\s]+)@", one["text"])
            lines.append(Line(one["time"], "mail", WHAT[one["headers"]["Subject"].split()[0]], found[1] if found else "", one["text"]))
        return lines

    def pager(self) -> list[Line]:
        names = {"trigger": "open", "resolve": "end"}
        return [
            Line(
                one["time"],
                "pager",
                names[one["body"]["event_action"]],
                one["body"]["dedup_key"].partition("@")[0],
                json.dumps(one["body"]),
            )
            for one in self.raw("pagerduty")
        ]

    def story(self, key: str, timeout: float = 90) -> list[Line]:
        """The messages about one key in the chat, up to its end: one open and one end, in this order."""
        wait_for(f"end of {key}", lambda: [one for one in self.chat() if one.key == key and one.what == "end"], timeout)
        time.sleep(1.5)
        told = [one for one in self.chat() if one.key == key]
        whats = [one.what for one in told]
        assert whats.count("open") == 1, told
        assert whats.count("end") == 1, told
        assert whats[0] == "open", whats
        assert whats[-1] == "end", whats
        return told

    def opened(self) -> set[str]:
        """Keys of which anything was told."""
        return {one.key for one in self.chat() if one.what == "open"}


@pytest.fixture(scope="session")
def host() -> Watched:
    return Watched()


@contextmanager
def undisturbed(host: Watched) -> Iterator[Inbox]:
    """Begins and ends with a host on which nothing is wrong.

    Many tests hit the same service: a fresh life of the watchdog does not take the third for flapping.
    """
    host.sh("systemctl restart latentum-ops-watchdog")
    well(host)
    try:
        yield Inbox()
    finally:
        well(host)


@pytest.fixture
def inbox(host: Watched) -> Iterator[Inbox]:
    """What the receivers get during the test."""
    with undisturbed(host) as kept:
        yield kept


def well(host: Watched) -> None:
    """No incident is open, nobody works on a stack, and nothing waits to be told."""

    def wrong() -> list[str]:
        status = host.status()
        waiting = status["alerts"]["waiting"]
        return [
            *(f"incident {incident}" for incident in status["incidents"]),
            *([] if any(stack["services"] for stack in status["stacks"]) else ["no service is watched"]),
            *(f"{service}" for stack in status["stacks"] for service in stack["services"] if service["state"] != "ok"),
            *([f"{waiting} messages wait: {status['alerts']}"] if waiting else []),
            *(f"{stack['name']} is busy: {stack['busy']}" for stack in status["stacks"] if stack["busy"]),
        ]

    try:
        wait_for("a host on which all is well", lambda: not wrong(), 150)
    except AssertionError as error:
        raise AssertionError(f"{error}: {wrong()}") from None
