# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of a real host: told once, ended once, and not told again where the watchdog has told."""

from __future__ import annotations

import json
import time

import pytest
from conftest import Inbox, Measured, wait_for

UNITS = ("latentum-ops-prometheus", "latentum-ops-alertmanager")


def test_everything_that_is_asked_answers(host: Measured) -> None:
    found = json.loads(host.got("http://127.0.0.1:9090/api/v1/query?query=up"))["data"]["result"]
    up = {series["metric"]["job"]: series["value"][1] for series in found}
    jobs = ("node", "requests", "nginx", "watchdog", "containers", "postgresql", "redis", "prometheus", "alertmanager")
    assert up == dict.fromkeys(jobs, "1")


def test_an_exporter_that_is_gone_is_one_message_and_its_end(host: Measured, inbox: Inbox) -> None:
    host.sh("systemctl stop latentum-ops-nginx-exporter")
    try:
        wait_for("a message", inbox.told, 480)
    finally:
        host.sh("systemctl start latentum-ops-nginx-exporter")
    wait_for("its end", lambda: len(inbox.told()) > 1, 120)
    assert inbox.told() == ["WARNING Nobody answers for nginx on eye-1", "ENDED Nobody answers for nginx on eye-1"]
    assert inbox.raw("mail")


def test_what_the_watchdog_has_told_is_not_told_again(host: Measured, inbox: Inbox) -> None:
    host.sh("touch --date='8 days ago' /run/reboot-required")
    try:
        wait_for("the watchdog tells", lambda: [line for line in inbox.healed() if "reboot" in line], 90)
        wait_for("the alert is there, and suppressed", lambda: host.alerts().get("RebootDue") == "suppressed", 90)
        assert inbox.told() == []
    finally:
        host.sh("rm -f /run/reboot-required")
    wait_for("its end", lambda: "RebootDue" not in host.alerts(), 120)
    assert inbox.told() == []


def missed() -> bool:
    """Nobody has called the switch of Prometheus for four of its intervals; the watchdog's is not called beside a critical incident."""
    return Inbox(time.time() - 45).calls("prometheus") == 0


@pytest.mark.parametrize("unit", UNITS)
def test_one_of_the_two_that_is_gone_is_missed_by_the_switch_and_told_by_the_watchdog(host: Measured, inbox: Inbox, unit: str) -> None:
    wait_for("calls of the switch", lambda: inbox.calls("prometheus") > 1, 60)
    host.sh(f"systemctl stop {unit}")
    try:
        wait_for("the watchdog tells", lambda: [line for line in inbox.healed() if unit in line], 60)
        # The last alert of Prometheus stays in Alertmanager for its resolve timeout, five minutes.
        wait_for("the end of its calls", missed, 900)
    finally:
        host.sh(f"systemctl start {unit}")
    again = Inbox()
    wait_for("calls of the switch again", lambda: again.calls("prometheus") > 0, 180)
    assert sum(unit in line and "CRITICAL" in line for line in inbox.healed()) == 1


def test_a_rule_that_is_refused_is_told_and_the_others_go_on(host: Measured, inbox: Inbox) -> None:
    broken = "/etc/latentum-ops/monitoring/rules.d/broken.yml"
    host.sh(f"echo 'groups: [' > {broken}; systemctl reload latentum-ops-prometheus")
    try:
        wait_for("a message", inbox.told, 180)
    finally:
        host.sh(f"rm {broken}; systemctl reload latentum-ops-prometheus")
    wait_for("its end", lambda: len(inbox.told()) > 1, 180)
    assert inbox.told() == [f"{what} prometheus on eye-1 has refused its configuration" for what in ("WARNING", "ENDED")]


def test_nothing_of_it_listens_elsewhere_and_no_secret_is_in_reach(host: Measured) -> None:
    listening = {line.split()[3] for line in host.sh("ss -Hltn").splitlines()}
    assert {address for address in listening if address.rpartition(":")[2] in ("9090", "9093", "9094")} == {
        "127.0.0.1:9090",
        "127.0.0.1:9093",
    }
    for word in ("hook-of-the-test", "mail-word-of-the-test", "0123456789abcdef0123456789abcdef"):
        assert host.sh(f"grep -rl {word} /etc/latentum-ops/monitoring /etc/systemd/system /var/lib/latentum-ops-* || true") == ""
        # Not the command that looks for it, whose pattern is another text.
        assert host.sh(f"cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -c '[{word[0]}]{word[1:]}' || true") == "0"
    for user in ("latentum-prometheus", "latentum-alertmanager"):
        assert host.sh(f"setpriv --reuid={user} --clear-groups cat /etc/latentum-ops/secrets/latentum/slack_webhook", check=False) == ""


def test_a_secret_that_changes_is_read(host: Measured) -> None:
    before = host.sh("systemctl show --property=MainPID --value latentum-ops-alertmanager")
    file = "/etc/latentum-ops/secrets/latentum/slack_webhook"
    host.sh(f"cp --preserve {file} {file}.new && mv {file}.new {file}")
    wait_for(
        "another life", lambda: host.sh("systemctl show --property=MainPID --value latentum-ops-alertmanager") not in (before, "0"), 60
    )
