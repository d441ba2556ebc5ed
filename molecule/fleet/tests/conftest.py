# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A monitoring host, a host that it scrapes, and somebody else on their network."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from typing import Any

import pytest

APP, EYE, STRANGER = "fleet-app", "fleet-eye", "latentum-ops-test-receivers"
TLS = "/etc/latentum-ops/host-certificate"


def sh(host: str, script: str, *, check: bool = True) -> str:
    """A shell line as root; what it printed."""
    done = subprocess.run(["docker", "exec", host, "sh", "-c", script], capture_output=True, text=True, timeout=300, check=False)
    assert not check or done.returncode == 0, f"{host}: {script}: {done.stdout}{done.stderr}"
    return done.stdout.strip()


def wait_for(what: str, look: Callable[[], Any], timeout: float) -> Any:
    """What `look` gives as soon as it is true."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        if value := look():
            return value
        time.sleep(1)
    raise AssertionError(f"{what}: not within {timeout:g} s")


def got(host: str, url: str) -> Any:
    """What an address on a host answers, as JSON; None where nothing does."""
    ask = f"import urllib.request; print(urllib.request.urlopen('{url}', timeout=10).read().decode())"
    answer = sh(host, f'python3 -c "{ask}" 2>/dev/null', check=False)
    return json.loads(answer) if answer else None


def up() -> dict[tuple[str, str], str]:
    """What Prometheus of the monitoring host has reached, by host and job."""
    answer = got(EYE, "http://127.0.0.1:9090/api/v1/query?query=up")
    return (
        {(series["metric"]["instance"], series["metric"]["job"]): series["value"][1] for series in answer["data"]["result"]}
        if answer
        else {}
    )


def told(since: float) -> list[str]:
    """Titles of messages about the host that is scraped."""
    lines = sh(STRANGER, "cat /received/slack.jsonl 2>/dev/null || true").splitlines()
    messages = [message for message in map(json.loads, lines) if message["time"] >= since]
    titles = [message["body"]["attachments"][0]["title"] for message in messages if message["body"].get("attachments")]
    return [title for title in titles if APP in title or "latentum" in title]


@pytest.fixture(scope="session")
def scraped() -> dict[tuple[str, str], str]:
    """Every job of both hosts, once all of them answer."""
    return wait_for("all that is asked", lambda: (found := up()) and set(found.values()) == {"1"} and found, 420)
