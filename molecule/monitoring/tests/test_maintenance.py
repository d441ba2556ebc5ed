# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Maintenance of the watchdog and silences of Alertmanager on a real host: each holds for both."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from conftest import Inbox, Measured, wait_for

STATUS = "/run/latentum-ops-watchdog/status.json"
AMTOOL = "amtool --alertmanager.url=http://127.0.0.1:9093"


def incidents(host: Measured) -> dict[str, str]:
    """What is open, and by what each is silenced."""
    return {known["key"]: known.get("silenced", "") for known in json.loads(host.sh(f"cat {STATUS}"))["incidents"]}


@pytest.fixture
def reboot_is_due(host: Measured) -> Iterator[None]:
    """A fault that harms nothing, of which both tell; what silences it is taken away at the end, too."""
    try:
        yield
    finally:
        host.sh("rm -f /run/reboot-required")
        host.sh("opsctl maintenance off", check=False)
        host.sh(f"{AMTOOL} silence expire $({AMTOOL} silence query --quiet)", check=False)


def fail(host: Measured) -> None:
    host.sh("touch --date='8 days ago' /run/reboot-required")


@pytest.mark.usefixtures("reboot_is_due")
def test_a_window_silences_alertmanager_and_its_end_lets_the_watchdog_tell(host: Measured, inbox: Inbox) -> None:
    host.sh("opsctl maintenance on --reason 'a larger disk' --for 1h")
    wait_for("the window is an alert", lambda: "WatchdogMaintenance" in host.alerts(), 120)
    fail(host)
    wait_for("the alert is there, and suppressed", lambda: host.alerts().get("RebootDue") == "suppressed", 180)
    assert not [line for line in inbox.healed() if "reboot" in line] and inbox.told() == []
    host.sh("opsctl maintenance off")
    wait_for("the watchdog tells", lambda: [line for line in inbox.healed() if "reboot" in line], 120)
    wait_for("the window is none any more", lambda: "WatchdogMaintenance" not in host.alerts(), 180)
    assert inbox.told() == []


@pytest.mark.usefixtures("reboot_is_due")
def test_a_silence_of_alertmanager_holds_for_the_watchdog_over_its_restart(host: Measured, inbox: Inbox) -> None:
    made = host.sh(f"{AMTOOL} silence add --author=ada --comment='ticket 17' --duration=1h subject=reboot")
    wait_for("the watchdog knows it", lambda: "ticket 17" in host.sh(f"cat {STATUS}"), 60)
    fail(host)
    wait_for("an incident that is silenced", lambda: "by ada" in incidents(host).get("host/reboot", ""), 120)
    assert "silenced" in host.sh("opsctl status", check=False)
    host.sh("systemctl restart latentum-ops-alertmanager latentum-ops-watchdog")
    wait_for("it is silenced still", lambda: "by ada" in incidents(host).get("host/reboot", ""), 120)
    assert not [line for line in inbox.healed() if "reboot" in line]
    host.sh(f"{AMTOOL} silence expire {made}")
    wait_for("the watchdog tells", lambda: [line for line in inbox.healed() if "reboot" in line], 60)
    assert sum("reboot" in line for line in inbox.healed()) == 1
