# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each deployment is told to the chat that asked for it: once, also when the watchdog or the deployment is killed."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest
from conftest import eventually, execute, sh

RECEIVERS, STACK = "latentum-ops-test-receivers", "market-ml"
UNDER_WAY = f"/var/lib/latentum-ops/stacks/{STACK}/rollout.json"


class Chat:
    """What the chat was told of deployments since it was opened."""

    def __init__(self) -> None:
        self.since = time.time()

    def told(self) -> list[dict[str, Any]]:
        lines = execute(["docker", "exec", RECEIVERS, "sh", "-c", "cat /received/slack.jsonl 2>/dev/null || true"]).stdout.splitlines()
        messages = [message for message in map(json.loads, lines) if message["time"] >= self.since]
        assert all(not message["problems"] for message in messages)
        return [message["body"] for message in messages if "/deployment:" in json.dumps(message["body"])]

    def headlines(self) -> list[str]:
        return [str(body["text"]) for body in self.told()]

    def only(self, word: str) -> str:
        """The one message, as it stays; all of its text."""
        eventually(lambda: [text for text in self.headlines() if text.startswith(word)], f"{word} in the chat")
        time.sleep(5)
        (body,) = self.told()
        assert body["text"].startswith(word)
        return json.dumps(body, ensure_ascii=False)


@pytest.fixture
def chat() -> Chat:
    eventually(lambda: not sh("ls /var/lib/latentum-ops/watchdog/spool/queue 2>/dev/null", check=False), "nothing waits to be told")
    return Chat()


def opsctl(words: str) -> str:
    return sh(f"opsctl {words} --stack {STACK} 2>&1", timeout=900)


def live() -> str:
    return str(json.loads(opsctl("releases --json"))["live"])


def restart() -> None:
    """Killed, and started anew by systemd."""
    before = sh("systemctl show --value --property=MainPID latentum-ops-watchdog")
    sh("systemctl kill --signal=KILL latentum-ops-watchdog")
    eventually(
        lambda: (
            sh("systemctl show --value --property=MainPID latentum-ops-watchdog") not in ("0", before)
            and sh("systemctl is-active latentum-ops-watchdog", check=False) == "active"
        ),
        "the watchdog is there again",
    )


def test_a_deployment_is_told_once_over_restarts_of_the_watchdog(chat: Chat) -> None:
    opsctl("deploy --recreate serving --force --wait 300")
    text = chat.only("LIVE")
    assert live() in text and re.search(r"\*Requests\*\\n\d+ served, \d+ failed", text) and "*Took*" in text and "*By*" in text
    for _kill in range(2):
        restart()
    time.sleep(10)
    assert len(chat.told()) == 1


def test_what_is_deployed_while_the_watchdog_is_away_is_told_when_it_is_back(chat: Chat) -> None:
    sh("systemctl stop latentum-ops-watchdog")
    try:
        opsctl("deploy --recreate api --force --wait 300")
        assert chat.told() == []
    finally:
        sh("systemctl start latentum-ops-watchdog")
    chat.only("LIVE")


def test_a_deployment_that_was_killed_is_told_by_the_run_that_takes_it_back(chat: Chat) -> None:
    before = live()
    # Another release, which never gets so far as to answer.
    image = "api=registry.example.test:5000/latentum/api-gateway:1.0.0"
    sh(f"opsctl deploy --image {image} --force --stack {STACK} >/dev/null 2>&1 &")
    killed = eventually(lambda: re.search(r'"who": "[^"]*\(pid (\d+)\)"', sh(f"cat {UNDER_WAY}", check=False)), "it is under way")
    sh(f"kill -9 {killed[1]}")
    time.sleep(3)
    assert chat.told() == [], "it has not ended"
    assert "it was taken back" in opsctl("rollback")
    text = chat.only("TAKEN BACK")
    assert before in text and "interrupted at" in text and "ended it" in text and live() == before


def test_a_receiver_that_is_down_is_told_later_and_no_deployment_waits_for_it(chat: Chat) -> None:
    execute(["docker", "exec", RECEIVERS, "touch", "/received/down"])
    try:
        opsctl("deploy --recreate api --force --wait 300")
        eventually(lambda: sh("ls /var/lib/latentum-ops/watchdog/spool/queue"), "the notice waits in the spool")
        assert chat.told() == []
    finally:
        execute(["docker", "exec", RECEIVERS, "rm", "/received/down"])
    chat.only("LIVE")


def test_a_dry_run_says_nothing(chat: Chat) -> None:
    opsctl("deploy --recreate api --force --dry-run")
    time.sleep(5)
    assert chat.told() == []
