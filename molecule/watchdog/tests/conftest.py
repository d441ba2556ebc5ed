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
        if value := look():
            return value
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
        services = next(described["services"] for described in self.status()["stacks"] if described["name"] == stack)
        service: dict[str, Any] = next(service for service in services if service["service"] == name)
        return service

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
        messages = [message for message in map(json.loads, lines) if message["time"] >= self.since]
        assert all(not message["problems"] for message in messages), [message["problems"] for message in messages]
        return messages

    def chat(self) -> list[Line]:
        lines = []
        for message in self.raw("slack"):
            text = json.dumps(message["body"])
            if HOST not in message["body"].get("text", ""):
                continue  # of a scenario beside this one
            match = re.search(r"Incident ([^@\"]+)@", text)
            lines.append(Line(message["time"], "chat", WHAT[message["body"]["text"].split()[0]], match[1] if match else "", text))
        return lines

    def mail(self) -> list[Line]:
        lines = []
        for message in self.raw("mail"):
            if HOST not in message["headers"]["Subject"]:
                continue
            match = re.search(r"Incident ([^@\s]+)@", message["text"])
            lines.append(
                Line(message["time"], "mail", WHAT[message["headers"]["Subject"].split()[0]], match[1] if match else "", message["text"])
            )
        return lines

    def pager(self) -> list[Line]:
        names = {"trigger": "open", "resolve": "end"}
        return [
            Line(
                message["time"],
                "pager",
                names[message["body"]["event_action"]],
                message["body"]["dedup_key"].partition("@")[0],
                json.dumps(message["body"]),
            )
            for message in self.raw("pagerduty")
        ]

    def story(self, key: str, timeout: float = 90) -> list[Line]:
        """The messages about one key in the chat, up to its end: one open and one end, in this order."""
        wait_for(f"end of {key}", lambda: [message for message in self.chat() if message.key == key and message.what == "end"], timeout)
        time.sleep(1.5)
        messages = [message for message in self.chat() if message.key == key]
        whats = [message.what for message in messages]
        assert whats.count("open") == 1, messages
        assert whats.count("end") == 1, messages
        assert whats[0] == "open", whats
        assert whats[-1] == "end", whats
        return messages

    def opened(self) -> set[str]:
        """Keys of which anything was told."""
        return {message.key for message in self.chat() if message.what == "open"}


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
        # What failed thrice on a slow machine is an incident for five more minutes.
        wait_for("a host on which all is well", lambda: not wrong(), 400)
    except AssertionError as error:
        raise AssertionError(f"{error}: {wrong()}") from None
