# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people and programs see of a host on which all is well, and of one on which something is not."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
import status_page
from conftest import HOST, STATUS, URL, Inbox, Watched, execute, wait_for
from prometheus_client.parser import text_string_to_metric_families

CLIENT = "latentum-ops-test-client"
SECRETS = ["mail-word-of-the-test", "hook-of-the-test", "0123456789abcdef0123456789abcdef", "switch-of-the-test"]


def test_the_daemon_has_few_rights(host: Watched) -> None:
    pid = host.sh("systemctl show --property MainPID --value latentum-ops-watchdog")
    assert host.sh(f"ps -o user:32= -p {pid}").strip() == "latentum-watchdog"
    # No capability, now or ever.
    assert int(host.sh(f"sed -n 's/^CapBnd:\\s*//p' /proc/{pid}/status"), 16) == 0
    assert host.sh(f"sed -n 's/^NoNewPrivs:\\s*//p' /proc/{pid}/status") == "1"


def test_no_secret_is_in_what_is_shown_or_kept(host: Watched) -> None:
    for secret in SECRETS:
        lines = host.sh(
            f"grep -rlF -e {secret} /run/latentum-ops-watchdog /var/lib/latentum-ops/watchdog /etc/latentum-ops/watchdog; "
            f"journalctl -u latentum-ops-watchdog --no-pager | grep -F -e {secret}; ps axww -o args | grep -F -e {secret} | grep -v grep",
            check=False,
        )
        assert lines == "", secret


def test_the_status_page_in_a_browser(host: Watched, inbox: Inbox) -> None:
    # A page is written on each change, and every 30 s: all views are to see the same one.
    host.sh("systemctl stop latentum-ops-watchdog")
    try:
        seen = status_page.check(f"{URL}/status/")
    finally:
        host.sh("systemctl start latentum-ops-watchdog")
    assert "api-gateway" in seen["phone"].text
    assert "LATENTUM status" in seen["phone"].text
    headers = execute(["docker", "exec", CLIENT, "curl", "-sk", "-D", "-", "-o", "/dev/null", f"{URL}/status/"]).stdout.lower()
    assert "content-security-policy: default-src 'none'" in headers
    data = json.loads(execute(["docker", "exec", CLIENT, "curl", "-sk", f"{URL}/status/status.json"]).stdout)
    assert [stack["name"] for stack in data["stacks"]] == ["latentum"]


def test_a_stranger_sees_no_status_page(host: Watched) -> None:
    """`allow_from` has the private networks only; the host asks itself from loopback, which is not among them."""
    ask = (
        "import socket, ssl; plain = socket.create_connection(('127.0.0.1', 443));"
        f" channel = ssl._create_unverified_context().wrap_socket(plain, server_hostname='{HOST}.example.test');"
        f" channel.sendall(b'GET /status/ HTTP/1.0\\r\\nHost: {HOST}.example.test\\r\\n\\r\\n');"
        " print(channel.recv(99).split()[1].decode())"
    )
    status = host.sh(f'python3 -c "{ask}"')
    assert status == "403"


def test_the_page_says_that_the_watchdog_is_silent(host: Watched, inbox: Inbox) -> None:
    """nginx compares its clock with the time at which the page was written."""
    assert "This page is stale" not in fetched()
    host.sh("systemctl stop latentum-ops-watchdog")
    try:
        # The page as it would be if it had been written ten minutes ago.
        host.sh(
            'PYTHONPATH=/usr/lib/latentum-ops python3 -B -c "import json; from latentum_ops.watchdog.page.document import render;'
            f" status = json.load(open('{STATUS}')); status['at'] -= 600; print(render(status, 'latentum'))\""
            " > /run/latentum-ops-watchdog/page/latentum/index.html"
        )
        assert "This page is stale" in fetched()
    finally:
        host.sh("systemctl start latentum-ops-watchdog")


def fetched() -> str:
    return execute(["docker", "exec", CLIENT, "curl", "-sk", f"{URL}/status/"]).stdout


def test_numbers_for_prometheus(host: Watched) -> None:
    text = host.sh("python3 -c \"import urllib.request as r; print(r.urlopen('http://127.0.0.1:9753/metrics').read().decode())\"")
    families = {family.name: family for family in text_string_to_metric_families(text)}
    names = {name for name in families if name.startswith("latentum_ops_watchdog_")}
    assert len(names) > 10, names
    listening = host.sh("ss -Hltn | grep :9753")
    assert "127.0.0.1:9753" in listening


def test_containers_under_the_names_of_cadvisor(host: Watched) -> None:
    """From inside the sandbox of the unit: the files of control groups, and of other users' processes."""
    text = host.sh(
        "python3 -c \"import urllib.request as r; print(r.urlopen('http://127.0.0.1:9753/metrics/containers').read().decode())\""
    )
    families = {family.name: family for family in text_string_to_metric_families(text)}
    for name in ("container_cpu_usage_seconds", "container_memory_working_set_bytes", "container_network_receive_bytes"):
        assert families[name].samples, name
    running = set(host.sh("docker ps --format '{{.Names}}'").split())
    assert {sample.labels["name"] for sample in families["container_last_seen"].samples} == running
    assert families["container_scrape_error"].samples[0].value == 0


@pytest.mark.parametrize("words", ["status", "incidents", "maintenance list", "watchdog check"])
def test_opsctl_shows_it(host: Watched, words: str) -> None:
    assert host.sh(f"opsctl {words}")


def test_the_dead_mans_switch_is_called_while_all_is_well(host: Watched, inbox: Inbox) -> None:
    def calls() -> list[dict[str, Any]]:
        """Of its own switch, and not of that of a scenario beside."""
        return [message for message in inbox.raw("deadman") if message["path"].endswith("/switch-of-the-test")]

    wait_for("a call", calls, 30)
    host.sh("systemctl stop latentum-ops-watchdog")
    try:
        silent = time.time()
        time.sleep(15)
        assert not [message for message in calls() if message["time"] > silent + 1]
    finally:
        host.sh("systemctl start latentum-ops-watchdog")


def test_a_test_message_by_every_route(host: Watched, inbox: Inbox) -> None:
    output = host.sh("opsctl alert test --stack latentum")
    assert [line.split()[-1] for line in output.splitlines()] == ["accepted"] * 4
    assert {message.what for message in [*inbox.chat(), *inbox.mail()]} == {"test"}
