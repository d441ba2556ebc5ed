# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A measured host, and what its receivers got: from the watchdog, and from Alertmanager."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
HOST, RECEIVERS, CLIENT = "eye-1", "latentum-ops-test-receivers", "latentum-ops-test-client"


def execute(argv: list[str], timeout: float = 300) -> subprocess.CompletedProcess[str]:
    """A command on the controller; the caller judges its return code."""
    return subprocess.run(argv, capture_output=True, text=True, timeout=timeout, check=False, cwd=ROOT)


def wait_for(what: str, look: Callable[[], Any], timeout: float) -> Any:
    """What `look` gives as soon as it is true."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        if value := look():
            return value
        time.sleep(0.5)
    raise AssertionError(f"{what}: not within {timeout:g} s")


class Measured:
    """The host."""

    def sh(self, script: str, *, check: bool = True) -> str:
        """A shell line as root; what it printed."""
        done = execute(["docker", "exec", HOST, "sh", "-c", script])
        assert not check or done.returncode == 0, f"{script}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def got(self, url: str) -> str:
        """What an address on the host answers; empty when nothing does."""
        ask = f"import urllib.request; print(urllib.request.urlopen('{url}', timeout=10).read().decode())"
        return self.sh(f'python3 -c "{ask}" 2>/dev/null', check=False)

    def alerts(self) -> dict[str, str]:
        """What Alertmanager has: C(active) or C(suppressed), by the name of the alert."""
        shown = json.loads(self.got("http://127.0.0.1:9093/api/v2/alerts") or "[]")
        return {alert["labels"]["alertname"]: alert["status"]["state"] for alert in shown}


@dataclass
class Inbox:
    """What the receivers got since it was made."""

    since: float = field(default_factory=time.time)

    def raw(self, kind: str) -> list[dict[str, Any]]:
        """The messages of one kind, none of which may be against the published format."""
        lines = execute(["docker", "exec", RECEIVERS, "sh", "-c", f"cat /received/{kind}.jsonl 2>/dev/null || true"]).stdout.splitlines()
        messages = [message for message in map(json.loads, lines) if message["time"] >= self.since]
        assert all(not message.get("problems") for message in messages), [message["problems"] for message in messages]
        return messages

    def told(self) -> list[str]:
        """Titles of Alertmanager's messages in the chat, as far as they are about this host."""
        titles = [message["body"]["attachments"][0]["title"] for message in self.raw("slack") if message["body"].get("attachments")]
        return [title for title in titles if HOST in title or "latentum" in title]

    def healed(self) -> list[str]:
        """First lines of the watchdog's messages in the chat."""
        texts = [message["body"]["text"] for message in self.raw("slack") if message["body"].get("text")]
        return [text.splitlines()[0] for text in texts if HOST in text]

    def calls(self, switch: str) -> int:
        """How often a switch was called."""
        return sum(message["path"].endswith(f"/{switch}-of-{HOST}") for message in self.raw("deadman"))


@pytest.fixture(scope="session")
def host() -> Measured:
    """Nothing is wrong on it: what Alertmanager has is what is always there."""
    measured = Measured()
    wait_for_calm(measured)
    return measured


def visit(path: str) -> None:
    """A request of a client on the network; the host itself has no curl."""
    url = f"https://{HOST}.example.test{path}"
    assert execute(["docker", "exec", CLIENT, "curl", "--silent", "--insecure", "--output", "/dev/null", url]).returncode == 0


def wait_for_calm(host: Measured) -> None:
    """With a visitor: of a route without any since the exporter was started, an objective has no data."""
    visit("/")
    wait_for("a host on which all is well", lambda: set(host.alerts()) == {"Watchdog"}, 420)


@pytest.fixture
def inbox(host: Measured) -> Inbox:
    """What the receivers get during the test."""
    wait_for_calm(host)
    return Inbox()
